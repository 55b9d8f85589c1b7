"""A session of boto3 that passes calls on, and lies about the answers of some."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

Call = Callable[..., Any]
Lie = Callable[[Call, Mapping[str, Any]], Any]
"""Gets the true call and its arguments, and answers in its place."""


class Lying:
    """A session.

    Args:
        truth: the true one.
        lies: by "service.method"; of a paginated one, what `paginate` gives.
    """

    def __init__(self, truth: Any, lies: Mapping[str, Lie]) -> None:
        self._truth = truth
        self._lies = lies

    def client(self, service: str, **how: Any) -> Any:
        return _Client(self._truth.client(service, **how), service, self._lies)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._truth, name)


class _Client:
    def __init__(self, truth: Any, service: str, lies: Mapping[str, Lie]) -> None:
        self._truth, self._service, self._lies = truth, service, lies

    def __getattr__(self, name: str) -> Any:
        it, lie = getattr(self._truth, name), self._lies.get(f"{self._service}.{name}")
        return (lambda **asked: lie(it, asked)) if lie else it

    def get_paginator(self, name: str) -> Any:
        pages, lie = self._truth.get_paginator(name), self._lies.get(f"{self._service}.{name}")
        return _Pages(pages, lie) if lie else pages


class _Pages:
    def __init__(self, truth: Any, lie: Lie) -> None:
        self._truth, self._lie = truth, lie

    def paginate(self, **asked: Any) -> Iterator[Any]:
        return iter(self._lie(self._truth.paginate, asked))


def refusal(code: str, message: str, **more: Any) -> ClientError:
    """What boto3 raises."""
    return ClientError({"Error": {"Code": code, "Message": message}, **more}, "Lie")


def answer(value: Any) -> Lie:
    """Always this; an error is raised."""

    def lie(call: Call, asked: Mapping[str, Any]) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return lie


def once(value: Any) -> Lie:
    """This the first time; then the truth."""
    left = [value]

    def lie(call: Call, asked: Mapping[str, Any]) -> Any:
        if not left:
            return call(**asked)
        return answer(left.pop())(call, asked)

    return lie


def instead_of(text: str, value: Any) -> Lie:
    """This instead of a refusal whose message holds a text."""

    def lie(call: Call, asked: Mapping[str, Any]) -> Any:
        try:
            return call(**asked)
        except ClientError as error:
            if text not in str(error):
                raise
            return answer(value)(call, asked)

    return lie
