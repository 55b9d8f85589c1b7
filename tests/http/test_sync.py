"""The blocking driver on real sockets: kept connections, refusals, silence, TLS."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from llmanager_sdk.errors import ConfigurationError
from llmanager_sdk.http import sync
from llmanager_sdk.http.faults import CutOff, NotReached, Refused, Timeouts, TooSlow
from tests.http.served import CHUNKS, OK, says, served


def call(url: str, read: float = 5.0, **headers: str) -> bytes:
    return b"".join(sync.stream(url, b"{}", headers, Timeouts(30.0, read)))


def test_a_request_as_it_is_sent_and_a_connection_that_is_kept() -> None:
    with served(says(OK)) as server:
        assert [call(server.url, Accept="a/b") for _ in range(3)] == [b"hi"] * 3
        assert server.connections == 1
        place = f"127.0.0.1:{server.port}"
        head = f"POST /v1/x HTTP/1.1\r\nHost: {place}\r\nContent-Length: 2\r\nAccept: a/b\r\n\r\n"
        assert server.requests == [head.encode() + b"{}"] * 3


def test_chunks_come_as_they_are_sent() -> None:
    goes_on = threading.Event()

    def play(connection: socket.socket, _: bytes) -> bool:
        connection.sendall(CHUNKS)
        goes_on.wait(5)
        connection.sendall(b"3\r\nyou\r\n0\r\n\r\n")
        return True

    with served(play) as server:
        parts = sync.stream(server.url, b"{}", {}, Timeouts())
        assert next(parts) == b"hi"
        goes_on.set()
        assert list(parts) == [b"you"]
        assert call(server.url) == b"hiyou"
        assert server.connections == 1


@pytest.mark.parametrize("headers", [{"Connection": "close"}, {}])
def test_a_connection_is_not_kept_when_either_side_says_so(headers: dict[str, str]) -> None:
    closing = OK.replace(b"200 OK", b"200 OK\r\nConnection: close")
    with served(says(OK if headers else closing)) as server:
        assert [call(server.url, **headers) for _ in range(2)] == [b"hi"] * 2
        assert server.connections == 2


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    with served(says(OK, more=False)) as server:
        assert call(server.url) == b"hi"
        for _ in range(2):
            # Where the end of it is not seen before it is used, it is seen as nobody answering.
            with contextlib.suppress(NotReached):
                assert call(server.url) == b"hi"
        assert server.connections >= 2


def test_an_answer_that_nobody_reads_to_its_end_takes_its_connection_along() -> None:
    with served(says(CHUNKS)) as server:
        parts = sync.stream(server.url, b"{}", {}, Timeouts())
        next(parts)
        parts.close()
        next(sync.stream(server.url, b"{}", {}, Timeouts()))
        assert server.connections == 2


def test_a_refusal_has_its_status_body_and_headers() -> None:
    answer = (
        b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nx-amzn-ErrorType: T\r\nContent-Length: 4\r\n\r\n"
    )
    with served(says(answer + b"busy")) as server, pytest.raises(Refused) as caught:
        call(server.url)
    refused = caught.value
    assert (refused.status, refused.body, refused.retry_after) == (429, b"busy", 7.0)
    assert refused.headers["X-Amzn-Errortype"] == "T"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", NotReached),
        (b"HTTP/1.1 200 OK\r\nContent-Le", NotReached),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", NotReached),
        (b"220 mail.example ESMTP\r\n\r\n", NotReached),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", CutOff),
        (CHUNKS, CutOff),
        (CHUNKS + b"nonsense\r\n", NotReached),  # nothing of it was passed on
    ],
)
def test_what_is_cut_off_before_and_after_the_first_byte(
    data: bytes, fault: type[Exception]
) -> None:
    with served(says(data, more=False)) as server, pytest.raises(fault):
        call(server.url)


def test_silence_is_told_from_nobody() -> None:
    with served(says(b"")) as server, pytest.raises(TooSlow, match="0 s"):
        call(server.url, read=0.2)
    with pytest.raises(NotReached):
        call(server.url)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/x", {"Authorization": "Bearer k\r\nX: y"}),
        ("/x", {"Authorization": "Bearer k\n"}),
        ("/x", {"Authorization": "Bearer \N{SNOWMAN}"}),
        ("/a b", {}),
        ("/a\nb", {}),
    ],
)
def test_a_line_break_gets_nowhere(path: str, headers: dict[str, str]) -> None:
    with served(says(OK)) as server, pytest.raises(ConfigurationError, match="line break"):
        call(server.url.removesuffix("/v1/x") + path, **headers)
    assert server.requests == []


def test_an_address_of_the_other_family() -> None:
    if not socket.has_ipv6:
        return
    try:
        with served(says(OK), family=socket.AF_INET6) as server:
            assert call(server.url) == b"hi"
            assert f"Host: [::1]:{server.port}\r\n".encode() in server.requests[0]
    except OSError:
        return  # this machine has no loopback of that family


# -- TLS


def certificate(folder: Path, name: str) -> Path:
    """One that signs itself, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    whose = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(whose)
        .issuer_name(whose)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(name))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize(
    ("trusted", "name"), [(True, "127.0.0.1"), (False, "127.0.0.1"), (True, "127.0.0.2")]
)
def test_certificates_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool, name: str
) -> None:
    both = certificate(tmp_path, name)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(both))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    with served(says(OK), context) as server:
        if trusted and name == "127.0.0.1":
            assert [call(server.url) for _ in range(2)] == [b"hi"] * 2
            assert server.connections == 1
        else:
            with pytest.raises(NotReached, match=r"certificate|doesn't match"):
                call(server.url)
            assert server.requests == []
