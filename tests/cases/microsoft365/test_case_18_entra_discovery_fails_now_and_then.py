"""Entra's OpenID configuration page fails for a moment; msal says ValueError. msal-python 126 263 278."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trustme
from pydantic import SecretStr
from web_answers import Answer, serving

from blocks.microsoft365.signing_in.sign_in import SignIn
from blocks.tls_roots import tls_context
from mailmove.errors import SignInRefused

HTML: Answer = (200, {"Content-Type": "text/html"}, b"<html>busy</html>")


@contextmanager
def signing_in(first: list[Answer]) -> Iterator[SignIn]:
    """first: answers before the good ones."""
    authority, left = trustme.CA(), list(first)
    certificate = authority.issue_cert("127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    def answer(base: str, path: str) -> Answer:
        if left:
            return left.pop(0)
        kind = {"Content-Type": "application/json"}
        if "openid-configuration" in path:
            names = {"authorization": "a", "token": "t", "device_authorization": "d"}
            page = {f"{name}_endpoint": f"{base}/{short}" for name, short in names.items()} | {"issuer": f"{base}/t"}
            return 200, kind, json.dumps(page).encode()
        token = {"access_token": "T", "expires_in": 3599, "token_type": "Bearer"}
        return 200, kind, json.dumps(token).encode()

    with serving(answer, context) as base:
        yield SignIn(
            tenant="t",
            client_id="c",
            secret=SecretStr("s"),
            login_url=base,
            tls=tls_context(authority.cert_pem.bytes().decode()),
        )


@pytest.mark.parametrize(
    "first", [[], [(503, {}, b"")], [(503, {"Retry-After": "1"}, b"")], [HTML, HTML], [(200, {}, b"")]]
)
def test_a_moment_of_trouble_is_waited_out(first: list[Answer]) -> None:
    with signing_in(first) as sign_in:
        assert sign_in.token("scope/.default") == "T"


def test_a_tenant_that_does_not_exist_is_named() -> None:
    with signing_in([(404, {}, b"")] * 9) as sign_in, pytest.raises(SignInRefused, match="AADSTS90002"):
        sign_in.token("scope/.default")
