"""What a client of OpenAI's needs to call an endpoint by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.ports.models import ChatModel, Endpoint

LONGEST_S = 12 * 3600.0
"""The longest that a key can be asked for: no token of SageMaker's is good for longer."""


@dataclass(frozen=True)
class ClientSettings:
    """An endpoint as OpenAI's clients name it.

        OpenAI(**settings.client())
        ChatOpenAI(model=settings.model, **settings.client())

    Attributes:
        model: the name to send with each request.
        expires_at: from then on the key opens nothing, in seconds since the epoch; ask again.
        held_until: nobody deletes the endpoint before then, unless a person stops it; infinite for
            one that is not llmanager's to delete.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    expires_at: float
    held_until: float

    def client(self) -> dict[str, str]:
        """The arguments that OpenAI's own clients take."""
        return {"base_url": self.base_url, "api_key": self.api_key}


def settings(
    model: ChatModel,
    endpoint: Endpoint,
    now: float,
    seconds: float = math.inf,
    held: float = math.inf,
) -> ClientSettings:
    """What to hand out.

    Args:
        seconds: from now, in which a call may start.
        held: until when the endpoint is held.

    Raises:
        ConfigurationError: it is not called as OpenAI's chat models are.
    """
    need_openai(model)
    access = endpoint.access(seconds)
    return ClientSettings(access.url, access.key, model.known_as, now + access.seconds, held)


def need_openai(model: ChatModel) -> None:
    """Refuse what speaks no chat as OpenAI has it, before anything is started."""
    if model.wire != "openai":
        raise ConfigurationError(
            f"{model.name} is not called as OpenAI's chat models are (its wire is {model.wire})",
            resource=model.spec.key,
            step="openai_client_settings",
            hint="this is for chat models without a content_handler",
        )
