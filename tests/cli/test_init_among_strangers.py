"""Whatever answers in the place of Microsoft or of the old server: init says that it is not known, and goes on."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from blocks.microsoft365.signing_in.public_answers import holder_of
from deployments.cli.init.web_answers import certificate_at, owa_version
from lab.authority import Authority

AUTHORITY = Authority()
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"


@contextmanager
def answering(answer: bytes, *, tls: bool = True) -> Iterator[int]:
    """A server that says this to whoever connects, whatever is asked; its port."""
    context = AUTHORITY.server_context("127.0.0.1", "localhost")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), plain:
                plain.settimeout(5)
                with context.wrap_socket(plain, server_side=True) if tls else plain as connection:
                    if tls:
                        connection.recv(65536)
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()


BODIES = [
    b"", b"null", b"[]", b"<html>sign in</html>", b'{"NameSpaceType": 5}', b'{"NameSpaceType": {"a": []}}', b"\xff\xfe",
    b"[" * 200_000, b'{"NameSpaceType": "Managed", "issuer": 7}', b'{"NameSpaceType": "Managed", "issuer": "https://x/"}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:24]))
def test_a_strange_answer_about_a_tenant_gives_no_tenant_and_says_so(body: bytes) -> None:
    with answering(HEAD + b"\r\n" + body) as port:
        holder = holder_of("contoso.example", f"https://localhost:{port}", AUTHORITY.pem)
    assert holder.tenant_id == "" and holder.trouble


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", HEAD + b"Content-Encoding: gzip\r\n\r\nno gzip"])
def test_what_speaks_no_http_gives_no_tenant(answer: bytes) -> None:
    with answering(answer) as port:
        holder = holder_of("contoso.example", f"https://localhost:{port}", AUTHORITY.pem)
    assert (holder.kind, holder.tenant_id) == ("", "")


def test_whom_we_do_not_trust_is_not_believed() -> None:
    answer = HEAD + b'\r\n{"NameSpaceType": "Unknown"}'
    with answering(answer) as port:
        assert holder_of("contoso.example", f"https://localhost:{port}", None).kind == "", "its root is nobody's"
        assert holder_of("contoso.example", f"https://localhost:{port}", AUTHORITY.pem).kind == "none"
        assert holder_of("contoso.example", f"https://localhost:{port}", "no PEM at all").kind == ""


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (b"X-OWA-Version: 15.1.2507.6", "15.1.2507.6"),
        (b"x-owa-version:  8.3.83.4 ", "8.3.83.4"),
        (b"X-OWA-Version: \x1b[31mred", None),
        (b"X-OWA-Version: 15", None),
        (b"X-OWA-Version: " + b"9" * 70_000, None),
        (b"Server: nginx", None),
    ],
)
def test_a_version_is_one_or_none(header: bytes, version: str | None) -> None:
    with answering(HEAD + header + b"\r\n\r\n") as port:
        assert owa_version("localhost", "127.0.0.1", port) == version


def test_who_speaks_no_tls_shows_no_certificate_and_no_version() -> None:
    with answering(b"220 mail.contoso.example ESMTP\r\n", tls=False) as port:
        assert certificate_at("localhost", "127.0.0.1", port) is None
        assert owa_version("localhost", "127.0.0.1", port) is None
    with answering(b"") as port:
        assert certificate_at("localhost", "127.0.0.1", port) is not None
