"""Refusals of a creation: which of them pass, and what of them nobody may read."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, TypeVar

from llmanager_sdk.aws.answers import missing, new_role, said, transient
from llmanager_sdk.core.life import Life

ROLE_S = 120.0
"""A role that cannot be taken on for longer than this is not a new one."""
E = TypeVar("E", bound=BaseException)


class Refusal(NamedTuple):
    """What AWS said last of a part.

    Attributes:
        since: when it said that first, and nothing else since.
    """

    part: str
    why: str
    since: float


def passes(error: Exception, life: Life, refused_for: float) -> bool:
    """Whether the same request may succeed later: nothing that the caller has to mend first.

    Args:
        refused_for: seconds for which this has been the answer.
    """
    if new_role(said(error)):
        return refused_for < ROLE_S
    return transient(error) or _not_yet_visible(error, life)


def _not_yet_visible(error: Exception, life: Life) -> bool:
    """A part of ours was accepted, and the service does not see it everywhere yet.

    Weights, an image, or a subnet that is not there is another matter.
    """
    message = said(error).message
    return missing(error) and any(name in message for name in life.names.values())


def without(error: E, secrets: Collection[str]) -> E:
    """The same error with *** for each secret, in what it was caused by, too.

    AWS repeats values that it refuses: of one variable, all of an environment.
    """
    each: BaseException | None = error
    while each is not None:
        each.args = hidden(each.args, secrets)
        vars(each).update(hidden(vars(each), secrets))
        each = each.__cause__ or each.__context__
    return error


def hidden(value: Any, secrets: Collection[str]) -> Any:
    """The same with *** for each secret."""
    match value:
        case str():
            for secret in secrets:
                value = value.replace(secret, "***")
            return value
        case Mapping():
            return {hidden(k, secrets): hidden(v, secrets) for k, v in value.items()}
        case list():
            return [hidden(each, secrets) for each in value]
        case tuple():
            return tuple(hidden(each, secrets) for each in value)
        case _:
            return value
