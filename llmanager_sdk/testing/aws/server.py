"""The account's front door: one server on loopback that speaks the protocols of boto3."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, TypeVar

from llmanager_sdk.clock import SYSTEM
from llmanager_sdk.core.ports import Clock
from llmanager_sdk.testing.aws import beside, openai_path, protocols, recorder, tokens
from llmanager_sdk.testing.aws.cloudformation import CloudFormation
from llmanager_sdk.testing.aws.engines import Canned, Engine, Refusal, chat_parts
from llmanager_sdk.testing.aws.faults import Faults, Lost, refusal
from llmanager_sdk.testing.aws.framing import failure, framed
from llmanager_sdk.testing.aws.rules import AwsError, Rules
from llmanager_sdk.testing.aws.sagemaker import SageMaker
from llmanager_sdk.testing.aws.services import Services
from llmanager_sdk.testing.aws.sessions import session_for
from llmanager_sdk.testing.aws.shapes import check

REGION = "us-east-1"
_T = TypeVar("_T")


class FakeAws:
    """One account in one region. Use it as a context manager.

    Args:
        chat: what answers in every container; kept as `engine`.
        dynamodb: the URL of a DynamoDB (AWS's own DynamoDB Local is best); without it, calls to
            DynamoDB are refused.
        rest: the URL of an emulator of all other services; without it, calls to them are refused.
        rules: how the account behaves.
        clock: of all its states.
        port: 0 for any that is free.
    """

    def __init__(
        self,
        chat: Engine | None = None,
        *,
        dynamodb: str = "",
        rest: str = "",
        rules: Rules | None = None,
        clock: Clock = SYSTEM,
        port: int = 0,
        seed: int = 0,
    ) -> None:
        self.engine = chat or Canned(chat_parts("hello"))
        self.dynamodb = dynamodb
        self.rest = rest
        self.rules = rules or Rules()
        self.clock = clock
        self.faults = Faults()
        self.services = Services(self.rules, REGION, clock)
        self.sagemaker = SageMaker(
            self.rules, REGION, clock, self.services.wrote, self.services.roles.check
        )
        self.cloudformation = CloudFormation(self.rules, REGION, clock)
        self.table_tags: dict[str, dict[str, str]] = {}
        self.random = Random(seed)
        self.cut_streams = 0
        """So many streams from now on end with an error in the middle."""
        self.recorder = recorder.from_environ()
        """Notes who calls what; None for nobody."""
        self.lambdas = ""
        """The role of Lambdas that run in `rest`, for the recorder."""
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.aws = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    @property
    def url(self) -> str:
        """Where boto3 is to send everything."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def environ(self, role: str = "") -> dict[str, str]:
        """What makes any process's boto3 talk to this account; `role` as in `session`."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": tokens.KEY + role,
            "AWS_SECRET_ACCESS_KEY": "fake",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def session(self, role: str = "") -> Any:
        """A boto3 session for this account, whatever the environment says.

        Args:
            role: whom the recorder shall take it for; the account's owner by default.
        """
        return session_for(self.url, REGION, tokens.KEY + role)

    def __enter__(self) -> FakeAws:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    # -- calls ---------------------------------------------------------------------------------

    def carry_out(self, service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """One control-plane call.

        Raises:
            AwsError: refused.
            Lost: no answer.
        """

        def effect() -> dict[str, Any]:
            check(service, operation, request)
            if service == "sagemaker":
                return self.sagemaker.call(operation, request)
            if service == "cloudformation":
                return self.cloudformation.call(operation, request)
            return self.services.call(service, operation, request)

        return self.struck(f"{service}:{operation}", effect)

    def struck(self, action: str, effect: Callable[[], _T]) -> _T:
        """Carry one call out, with what goes wrong on its way there or back.

        Raises:
            AwsError: refused.
            Lost: no answer.
        """
        what = self.faults.draw(action)
        if what == "crash" and self.faults.on_crash:
            self.faults.on_crash()
        if what is not None and (error := refusal(what, action)):
            raise error
        if what in ("lost", "crash"):
            raise Lost
        answer = effect()
        if what == "crash after" and self.faults.on_crash:
            self.faults.on_crash()
        if what in ("lost after", "crash after"):
            raise Lost
        return answer

    def plays(self, service: str, operation: str, body: bytes) -> bool:
        """Whether this account answers it; else `rest` does."""
        if service == "logs":
            return b"/aws/sagemaker/" in body
        return service == "sagemaker" or self.services.plays(operation)

    def invoke(self, name: str, body: bytes, streamed: bool) -> Iterator[bytes]:
        """One call to an endpoint.

        Raises:
            AwsError: refused by the service, or by the container.
        """
        operation = "InvokeEndpointWithResponseStream" if streamed else "InvokeEndpoint"
        what = self.faults.draw(f"sagemaker-runtime:{operation}")
        if what is not None and (error := refusal(what, f"sagemaker:{operation}")):
            raise error
        if what == "lost":
            raise Lost
        self.sagemaker.ready(name)
        self.services.invoked(name)
        try:
            parts = self.engine.answer(body)
            first = next(parts, b"")
        except Refusal as refused:
            raise refused.model_error() from refused
        if what == "lost after":
            raise Lost
        whole = _chain(first, parts)
        if not streamed:
            return whole
        if self.cut_streams > 0:
            self.cut_streams -= 1
            return iter([*framed([first], self.random), failure("ModelStreamError", "it broke")])
        return framed(whole, self.random)


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    aws: FakeAws


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    disable_nagle_algorithm = True

    def log_message(self, *_: Any) -> None:
        """Nothing on stderr."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The header Date, by the account's clock."""
        return super().date_time_string(self.server.aws.clock.time())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if (aws := self.server.aws).recorder is not None:
            aws.recorder.note(aws, self.command, self.path, self.headers, body)
        try:
            if self.path.startswith("/endpoints/"):
                self._invoke(body)
            elif self.headers.get("X-Amz-Target", "").startswith("DynamoDB_"):
                self._dynamodb(body)
            else:
                self._control(body)
        except Lost:
            self.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_PUT = do_DELETE = do_PATCH = do_POST  # noqa: N815 - names that http.server looks for

    def _control(self, body: bytes) -> None:
        aws = self.server.aws
        if aws.rest:
            service, operation = beside.named(self.command, self.path, self.headers, body)
            if not aws.plays(service, operation, body):
                self._rest(f"{service}:{operation}", body)
                return
        call = protocols.Call("", "", "json", {})
        try:
            call = protocols.read(self.path, self.headers, body)
            self._check_token()
            answer = aws.carry_out(call.service, call.operation, call.request)
            self._send(200, *protocols.write(call, answer))
        except AwsError as error:
            self._send(error.status, *protocols.write_error(call, error))

    def _rest(self, action: str, body: bytes) -> None:
        aws = self.server.aws
        form = protocols.Call("", "", "query" if b"Action=" in body else "json", {})
        try:
            self._check_token()
            status, headers, answer = aws.struck(
                action,
                lambda: beside.passed_on(aws.rest, self.command, self.path, self.headers, body),
            )
        except AwsError as error:
            more = {"x-amzn-ErrorType": error.code}
            self._send(error.status, *protocols.write_error(form, error), more)
            return
        self._send(status, headers.pop("content-type", "text/plain"), answer, headers)

    def _dynamodb(self, body: bytes) -> None:
        aws = self.server.aws
        action = f"dynamodb:{self.headers['X-Amz-Target'].partition('.')[2]}"
        try:
            self._check_token()
            status, answer = aws.struck(
                action,
                lambda: protocols.dynamodb(aws.dynamodb, self.headers, body, aws.table_tags),
            )
        except AwsError as error:
            call = protocols.Call("dynamodb", "", "json", {})
            self._send(error.status, *protocols.write_error(call, error))
            return
        self._send(status, "application/x-amz-json-1.0", answer)

    def _invoke(self, body: bytes) -> None:
        _, _, name, kind = self.path.split("/", 3)
        streamed, chat = kind == "invocations-response-stream", kind.startswith("openai/")
        try:
            self._check_token()
            if chat:
                openai_path.check(kind, self.headers.get("Authorization", ""))
            parts = self.server.aws.invoke(name, body, streamed)
        except AwsError as error:
            said = {"Message": error.message, **error.more}
            headers = {"x-amzn-ErrorType": error.code}
            self._send(error.status, "application/json", json.dumps(said).encode(), headers)
            return
        if not (streamed or chat):
            self._send(200, "application/json", b"".join(parts))
            return
        self.send_response(200)
        framed = "application/vnd.amazon.eventstream"
        self.send_header("Content-Type", framed if streamed else "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for data in filter(None, parts):
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _check_token(self) -> None:
        self.server.aws.services.tokens.check(self.headers.get("X-Amz-Security-Token", ""))

    def _send(
        self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        mine = {"x-amzn-requestid": f"{self.server.aws.random.getrandbits(64):016x}"}
        for name, value in (mine | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
