"""What a caller may say about a deployment, read strictly: before anything is asked or created."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from llmanager_sdk.errors import ConfigurationError

POOLS_MOST = 5
"""So many instance types may be tried (botocore's service model)."""
DTYPES = {
    "float32": "SM_VLLM_DTYPE",
    "float16": "SM_VLLM_DTYPE",
    "bfloat16": "SM_VLLM_DTYPE",
    "fp8": "SM_VLLM_QUANTIZATION",
}
"""By which variable our container is told of the type of weights. Files that are quantized already
say theirs themselves."""
ENV_MOST = 1024
"""The longest key or value of a container's environment (botocore's service model)."""
_ENV_KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def whole(option: str, value: object, *, least: int | None = 1, most: int | None = None) -> int:
    """A whole number.

    Raises:
        ConfigurationError: it is something else, or out of bounds.
    """
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and (least is None or least <= value)
        and (most is None or value <= most)
    ):
        return value
    bounds = f" of at least {least}" if least is not None else ""
    bounds = f" from {least} to {most}" if most is not None else bounds
    raise ConfigurationError(
        f"{option}={value!r} makes no sense", hint=f"give a whole number{bounds}, or leave it out"
    )


def positive(option: str, value: object) -> float:
    """A number above 0.

    Raises:
        ConfigurationError: it is none.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return value
    raise ConfigurationError(
        f"{option}={value!r} makes no sense", hint="give a number above 0, or leave it out"
    )


def texts(option: str, value: object) -> tuple[str, ...]:
    """One text, or several.

    Raises:
        ConfigurationError: it is something else.
    """
    several = (value,) if isinstance(value, str) else value
    if isinstance(several, Sequence) and all(isinstance(each, str) for each in several):
        return tuple(several)
    raise ConfigurationError(
        f"{option}={value!r} makes no sense", hint="give one text, or a list of them"
    )


def pools(name: str, asked: str | Sequence[str] | None) -> tuple[str, ...]:
    """The caller's instance types for a model, each once.

    Raises:
        ConfigurationError: they are too many.
    """
    types = tuple(dict.fromkeys(texts("instance_type", asked or ())))
    if len(types) > POOLS_MOST:
        raise ConfigurationError(
            f"{len(types)} instance types are more than the {POOLS_MOST} that SageMaker tries",
            resource=name,
            step="choose the instance type",
            hint=f"give up to {POOLS_MOST}: instance_type={list(types[:POOLS_MOST])}",
        )
    return types


def check_dtype(name: str, dtype: str | None, *, told: bool) -> None:
    """Refuse a type of weights that the container of a model would not be told of.

    Args:
        told: whether it is told of any.

    Raises:
        ConfigurationError: it would not.
    """
    if dtype is None or (told and dtype in DTYPES):
        return
    raise ConfigurationError(
        f"dtype={dtype!r} is nothing that the container of {name} is told",
        resource=name,
        hint=f"use one of {', '.join(DTYPES)}; files that are quantized need none"
        if told
        else "leave it out, or give the variables of the container with environment={...}",
    )


def variables(name: str, environment: Mapping[str, str]) -> Mapping[str, str]:
    """The caller's variables for the container of a model.

    Raises:
        ConfigurationError: SageMaker would not take them.
    """
    for key, value in environment.items():
        if not _ENV_KEY.fullmatch(key):
            raise ConfigurationError(
                f"{key[:80]!r} is no name of an environment variable",
                resource=name,
                hint="give letters, digits and _, no digit first",
            )
        if not isinstance(value, str) or max(len(key), len(value)) > ENV_MOST:
            raise ConfigurationError(
                f"the environment variable {key[:80]} is no text, or longer than {ENV_MOST}",
                resource=name,
                hint="environment takes texts of up to 1,024 characters",
            )
    return environment
