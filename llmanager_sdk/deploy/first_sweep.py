"""The first sweep: shows that what was deployed runs, and is the word that a first use waits for.

Code makes tables and the stack makes the Lambda, so the Lambda would find no table to write its
heartbeat into; and its schedule calls it only minutes after it was made.
"""

from __future__ import annotations

from llmanager_sdk.aws.faults import translate
from llmanager_sdk.aws.platform import AwsPlatform
from llmanager_sdk.aws.reaper import LAMBDA, SWEEP_S
from llmanager_sdk.aws.stack import stack_name
from llmanager_sdk.deploy.operations import POLL_S, Say
from llmanager_sdk.errors import LLManagerError
from llmanager_sdk.registry.typed_dynamodb import DynamoRegistry

MOST_S = SWEEP_S
"""How long the heartbeat of the first sweep is waited for."""


def first_sweep(platform: AwsPlatform, say: Say) -> bool:
    """Make the registry's table, call the Lambda once, and wait for its heartbeat.

    Nothing is wrong with the stack if this cannot be done: it is told, and the schedule calls.

    Args:
        say: gets a line that says how it went.

    Returns:
        Whether the Lambda has said that it lives.
    """
    clock, registry = platform.keeper.engine.clock, platform.keeper.engine.registry
    assert isinstance(registry, DynamoRegistry)
    try:
        registry.ensure_table()
        words = platform.beats.words()
        if words.off_by:
            say(f"The reapers are off ({words.off_by}): `llmanager reap --on` turns them on.")
            return False
        before = words.get(LAMBDA, "expires")
        _call(platform)
        until = clock.monotonic() + MOST_S
        while clock.monotonic() < until:
            if platform.beats.words().get(LAMBDA, "expires") != before:
                say("The reaper lives: its first sweep is done.")
                return True
            clock.sleep(POLL_S)
        why = f"nothing was heard for {MOST_S:.0f} s; its log is /aws/lambda/{_function(platform)}"
    except LLManagerError as error:
        why = error.message
    say(f"The reaper's first sweep was not seen: {why}.")
    say(f"Its schedule calls it every {SWEEP_S / 60:.0f} minutes; until then nothing is created.")
    return False


def _call(platform: AwsPlatform) -> None:
    """Ask for one sweep; it may take longer than an answer may."""
    function = _function(platform)
    try:
        platform.account.client("lambda").invoke(FunctionName=function, InvocationType="Event")
    except Exception as error:
        raise translate(error, resource=function, step="call the reaper") from error


def _function(platform: AwsPlatform) -> str:
    return f"{stack_name(platform.settings.namespace)}-reaper"
