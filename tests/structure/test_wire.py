"""Every connection of the product has a deadline for the whole and a limit of what comes in: one room makes them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("mailmove", "blocks", "tasks", "flows", "deployments")
_BARE = {
    "requests": {"get", "post", "put", "patch", "delete", "head", "request", "Session", "session"},
    "httpx": {
        "get", "post", "put", "patch", "delete", "head", "request", "stream", "Client", "AsyncClient", "HTTPTransport",
        "AsyncHTTPTransport",
    },
    "urllib.request": {"urlopen", "build_opener", "urlretrieve", "Request"},
    "http.client": {"HTTPConnection", "HTTPSConnection"},
    "smtplib": {"SMTP", "SMTP_SSL", "LMTP"},
    "socket": {"create_connection"},
    "ssl": {"create_default_context", "SSLContext"},
    "asyncio": {"open_connection"},
}  # fmt: skip
ALLOWED = {
    "blocks/tls_roots.py": "makes requests' sessions, and the context of all blocks, on what is in mailmove/wire",
    "mailmove/outlook_anywhere/tls.py": "contexts that judge old servers; `Dial.wrap` makes their sockets timed ones",
    "mailmove/smtp/redeliver.py": "a context for STARTTLS, made timed where it is made",
    "mailmove/dns/mail_auth/mta_sts_fetch.py": "the system's roots as a default, handed to mailmove/wire",
    "mailmove/dns/client/tcp_and_https.py": "a DNS answer of at most 64 KiB; bulk_query ends it by asyncio.timeout",
    "deployments/server/box.py": "our own server on loopback",
    "deployments/server/healthy.py": "our own worker on loopback, from the standard library only",
}
"""Files with a bare client, and why that has an end all the same."""


def bare_uses(text: str) -> Iterator[str]:
    """`httpx.Client` and the like, called or handed on; also by `from httpx import Client`. Types are not calls."""
    tree = ast.parse(text)
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update({each.asname or each.name: each.name for each in node.names if each.name in _BARE})
        if isinstance(node, ast.ImportFrom) and node.module in _BARE:
            names.update({each.asname or each.name: f"{node.module}:{each.name}" for each in node.names})
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        module, _, name = called.rpartition(".")
        whole = names.get(module, "")
        if whole in _BARE and name in _BARE[whole]:
            yield f"{whole}.{name}"
        source, _, original = names.get(called, "").partition(":")
        if original and original in _BARE[source]:
            yield f"{source}.{original}"


def test_no_bare_client_outside_the_room_of_the_wire() -> None:
    found: dict[str, list[str]] = {}
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            name = str(path.relative_to(ROOT))
            if not name.startswith("mailmove/wire/") and (uses := list(bare_uses(path.read_text("utf-8")))):
                found[name] = uses
    assert {name: uses for name, uses in found.items() if name not in ALLOWED} == {}
    assert set(ALLOWED) <= set(found), "an exception that nobody needs any more"


def test_the_test_can_fail() -> None:
    for bad in (
        "import requests\nrequests.get('x')",
        "import httpx as h\nh.AsyncClient()",
        "from urllib.request import urlopen as u\nu('x')",
        "import urllib.request\nurllib.request.urlopen('x')",
        "def f():\n    import smtplib\n    smtplib.SMTP('x')",
    ):
        assert list(bare_uses(bad)), bad
    assert not list(bare_uses("import httpx\ndef f(client: httpx.Client) -> None: client.get('x')"))


def test_no_vendors_exception_hangs_on_one_of_ours() -> None:
    """Its text may quote a request, a header, a document; a log shows the whole chain."""
    for path in (ROOT / "blocks").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and node.cause is not None:
                kept = getattr(node.cause, "value", "a cause") is None
                assert kept, f"{path}:{node.lineno}: `from None`, and what it came of in words"
