"""What stands in the container: a real llama.cpp server, a real encoder, or canned answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import Refused, Timeouts
from llmanager_sdk.testing.aws.rules import AwsError


class Refusal(Exception):
    """The container answers with a status of its own."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.body = body

    def model_error(self) -> AwsError:
        """Fact: what a container refuses comes as ModelError, 424, with the original inside."""
        text = self.body.decode(errors="replace")
        return AwsError(
            "ModelError",
            f"Received client error ({self.status}) from primary with message {json.dumps(text)}.",
            424,
            {"OriginalStatusCode": self.status, "OriginalMessage": text},
        )


class Engine(Protocol):
    """One container."""

    def answer(self, body: bytes) -> Iterator[bytes]:
        """The parts of the answer to POST /invocations.

        Raises:
            Refusal: it answers with an error.
        """


class LocalEngine:
    """The engines of the platform `local`: llama.cpp for chats, the ONNX encoder for texts.

    Args:
        model: a chat model of the platform `local`.
        idle_timeout: how long llama.cpp stays after the last call, in seconds.
    """

    def __init__(self, model: str | None = None, idle_timeout: float = 30.0) -> None:
        self._model = model
        self._idle = idle_timeout
        self._made: dict[str, Any] = {}

    def answer(self, body: bytes) -> Iterator[bytes]:
        """By the form of the request, as vLLM routes it."""
        asked = json.loads(body)
        if "messages" in asked:
            return self._chat(body)
        texts = asked.get("inputs", asked.get("input"))
        texts = [texts] if isinstance(texts, str) else texts
        rows = self._encoder().encode(texts).tolist()
        if "inputs" in asked:
            return iter([json.dumps(rows).encode()])
        data = [{"index": i, "embedding": row} for i, row in enumerate(rows)]
        return iter([json.dumps({"data": data}).encode()])

    def _chat(self, body: bytes) -> Iterator[bytes]:
        with self._link().call() as endpoint:
            url, headers = endpoint.prepared(body)
            try:
                yield from sync.stream(url, body, headers, Timeouts())
            except Refused as refused:
                raise Refusal(refused.status, refused.body) from refused

    def _link(self) -> Any:
        from llmanager_sdk.resource.model import model_link

        return self._once(
            "link",
            lambda: model_link(
                self._model, platform="local", idle_timeout=self._idle, progress="off"
            ),
        )

    def _encoder(self) -> Any:
        from llmanager_sdk.platforms import resolve

        return self._once("encoder", lambda: resolve("local").encoder(None, {}))

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]


class Canned:
    """The same answer to everybody, for tests and benchmarks of what lies around it.

    Args:
        parts: of the answer; a callable gets the request.
    """

    def __init__(self, parts: list[bytes] | Callable[[Mapping[str, Any]], list[bytes]]) -> None:
        self._parts = parts

    def answer(self, body: bytes) -> Iterator[bytes]:
        """The parts."""
        if callable(self._parts):
            return iter(self._parts(json.loads(body)))
        return iter(self._parts)


def chat_parts(text: str, parts: int = 1) -> list[bytes]:
    """A chat answer as vLLM streams it: server-sent events, then the usage, then [DONE]."""
    words = [text] * parts
    events: list[Any] = [{"choices": [{"index": 0, "delta": {"content": w}}]} for w in words]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 3, "completion_tokens": parts, "total_tokens": 3 + parts}
    events.append({"choices": [], "usage": usage})
    lines = [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events]
    return [*lines, b"data: [DONE]\n\n"]
