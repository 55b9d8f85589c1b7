"""Requests against botocore's service models: what AWS refuses, this refuses."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from llmanager_sdk.testing.aws.rules import AwsError


@cache
def service(name: str) -> Any:
    """botocore's model of a service."""
    import botocore.session

    return botocore.session.get_session().get_service_model(name)


def check(service_name: str, operation: str, request: Any) -> None:
    """Refuse a request that the service's model does not allow.

    Raises:
        AwsError: with where it is wrong.
    """
    shape = service(service_name).operation_model(operation).input_shape
    if shape is not None and (wrong := _wrong(shape, request, "")):
        raise AwsError("ValidationException", f"1 validation error detected: {wrong}")


def _wrong(shape: Any, value: Any, where: str) -> str:
    match shape.type_name:
        case "structure":
            return _structure(shape, value, where)
        case "list":
            if not isinstance(value, list):
                return f"{where} is no list"
            return _size(shape, len(value), where) or next(
                (x for i, v in enumerate(value) if (x := _wrong(shape.member, v, f"{where}[{i}]"))),
                "",
            )
        case "map":
            if not isinstance(value, dict):
                return f"{where} is no map"
            return _map(shape, value, where)
        case "string":
            return _string(shape, value, where)
        case "integer" | "long" | "float" | "double":
            if isinstance(value, bool) or not isinstance(value, int | float):
                return f"{where} is no number"
            return _size(shape, value, where)
        case _:
            return ""


def _structure(shape: Any, value: Any, where: str) -> str:
    if not isinstance(value, dict):
        return f"{where or shape.name} is no structure"
    if unknown := set(value) - set(shape.members):
        return f"{where} has unknown members {sorted(unknown)}"
    if missing := set(shape.required_members) - set(value):
        return f"{where} lacks {sorted(missing)}"
    return next(
        (x for k, v in value.items() if (x := _wrong(shape.members[k], v, f"{where}.{k}"))), ""
    )


def _map(shape: Any, value: dict[Any, Any], where: str) -> str:
    for k, v in value.items():
        if wrong := _wrong(shape.key, k, f"{where} key") or _wrong(shape.value, v, where):
            # Fact: AWS repeats what it refuses, with all that is beside it.
            told = ", ".join(f"{key}={each}" for key, each in value.items())
            return f"Value '{{{told}}}' at '{where}' failed to satisfy constraint: {wrong}"
    return ""


def _string(shape: Any, value: Any, where: str) -> str:
    if not isinstance(value, str):
        return f"{where} is no string"
    if shape.enum and value not in shape.enum:
        return f"{where}: {value!r} is none of its values"
    pattern = shape.metadata.get("pattern")
    if pattern and not shape.enum:
        try:
            if not re.fullmatch(pattern, value):
                return f"{where}: {value!r} does not match {pattern}"
        except re.error:  # a pattern of Java's that Python does not know
            pass
    return _size(shape, len(value), where)


def _size(shape: Any, size: float, where: str) -> str:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        return f"{where} is below its least, {least}"
    if most is not None and size > most:
        return f"{where} is above its most, {most}"
    return ""
