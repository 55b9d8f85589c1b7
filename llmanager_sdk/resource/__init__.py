"""What `.resource` of a face is: status, warm, stop, destroy, pin, logs; and `warm` for chains."""

from llmanager_sdk.resource.chain import awarm, warm
from llmanager_sdk.resource.model import ModelResource, model_link
from llmanager_sdk.resource.static import Static
from llmanager_sdk.resource.status import Status

__all__ = ["ModelResource", "Static", "Status", "awarm", "model_link", "warm"]
