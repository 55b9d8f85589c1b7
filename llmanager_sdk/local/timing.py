"""The durations of the platform local, in seconds."""

from __future__ import annotations

from llmanager_sdk.core.life import Timing

LOCAL = Timing(
    idle=900.0,
    max_call=0.0,  # the host sees open calls itself
    margin=2.0,  # one clock; this is for a process that was held up between look and call
    worker=5.0,
    sees_open_calls=True,
    poll=0.1,
    request=2.0,
    creation=180.0,
    drain=0.0,
    backoff=1.0,
    backoff_max=60.0,
)
LOOK_S = 0.5
"""How often a host looks at its slot."""
LOAD_S = 150.0
"""How long weights may take to load."""
