"""An OpenAI-compatible chat server on loopback with canned answers, in a process of its own.

It reports 200 slots. A prompt "sleep N" makes it wait that many seconds, "chunks N" makes it stream
so many; every answer comes as a stream if one is asked for, else whole. Under /endpoints/NAME it
speaks as SageMaker's runtime does: streams in frames, and vectors after 50 ms.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from llmanager_sdk.testing.aws.framing import part

SLOTS = 200
LATENCY = 0.05
"""Of an answer with vectors, in seconds."""
_VECTOR = json.dumps([0.0625] * 256).encode()
_COMMON = {"id": "c", "created": 1, "model": "canned"}
_USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


def _event(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {**_COMMON, "object": "chat.completion.chunk", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


_FIRST = _event({"role": "assistant", "content": ""})
_WORD = _event({"content": "word "})
_LAST = _event({}, "stop")
_END = (
    b"data: "
    + json.dumps(
        {**_COMMON, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE}
    ).encode()
    + b"\n\ndata: [DONE]\n\n"
)
_WHOLE = json.dumps(
    {
        **_COMMON,
        "object": "chat.completion",
        "usage": _USAGE,
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "word word word"},
            }
        ],
    }
).encode()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lower = head.lower()
            length = 0
            if b"content-length:" in lower:
                length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            if head.startswith(b"GET"):
                _whole(writer, json.dumps({"total_slots": SLOTS}).encode())
            else:
                path = head.split(b" ", 2)[1].decode()
                await _answer(writer, path, json.loads(body))
            await writer.drain()
            if b"connection: close" in lower:
                return
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


def _whole(writer: asyncio.StreamWriter, body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    writer.write(head.encode() + b"\r\n\r\n" + body)


async def _answer(writer: asyncio.StreamWriter, path: str, body: dict[str, object]) -> None:
    if "inputs" in body:
        await asyncio.sleep(LATENCY)
        inputs = body["inputs"]
        assert isinstance(inputs, list)
        _whole(writer, b"[" + b",".join([_VECTOR] * len(inputs)) + b"]")
        return
    framed = path.endswith("-response-stream")
    messages = body["messages"]
    assert isinstance(messages, list)
    word, _, number = str(messages[-1]["content"]).partition(" ")
    if word == "sleep":
        await asyncio.sleep(float(number))
    if path.endswith("/invocations") or not (framed or body.get("stream")):
        _whole(writer, _WHOLE)
        return
    writer.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
        % (b"application/vnd.amazon.eventstream" if framed else b"text/event-stream")
    )
    count = int(number) if word == "chunks" else 3
    for event in (_FIRST, *([_WORD] * count), _LAST, _END):
        data = part(event) if framed else event
        writer.write(b"%x\r\n%s\r\n" % (len(data), data))
    writer.write(b"0\r\n\r\n")


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


@contextmanager
def canned() -> Iterator[str]:
    """The base URL of such a server."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.canned_server"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    asyncio.run(_main())
