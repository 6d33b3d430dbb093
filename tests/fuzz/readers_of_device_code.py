"""The reader of a person's sign-in by code (RFC 8628, OpenID Connect): `mailmove sign-in`."""

from __future__ import annotations

import base64
import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from answers import Answer
from hurry import at_once
from mutate_json import json_mutation
from reader import Reader
from readers_of_http import Taped
from tape import Tape, TapeServer

from blocks.microsoft365.clouds import CLOUDS
from blocks.microsoft365.signing_in.device_code import sign_in_for
from lab.authority import Authority
from lab.places import Places

DEVICE_CODE_NAMES = ("device code", "device code's claims")
_CLIENT, _TENANT = "11111111-1111-1111-1111-111111111111", "tenant"


def _part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _id_token(claims: bytes) -> str:
    return ".".join((_part({"alg": "RS256"}), base64.urlsafe_b64encode(claims).rstrip(b"=").decode(), "c2ln"))


@contextlib.contextmanager
def device_code_readers() -> Iterator[list[Reader]]:
    """learn.microsoft.com identity-platform v2-oauth2-device-code and id-token-claims-reference show these answers."""
    places, authority = Places(), Authority()
    address = places.host(64)
    with TapeServer(address, authority.server_context(address), "https://none.invalid") as server:
        base = f"{server.base}/{_TENANT}"
        page = {"token_endpoint": f"{base}/token", "issuer": f"{base}/v2.0", "jwks_uri": f"{base}/keys",
                "authorization_endpoint": f"{base}/authorize",
                "device_authorization_endpoint": f"{base}/devicecode"}  # fmt: skip
        code = {"user_code": "FJK2MNPQR", "device_code": "GAQABAAEAAAD" + "x" * 40, "interval": 5, "expires_in": 900,
                "verification_uri": "https://microsoft.com/devicelogin",
                "message": "To sign in, open https://microsoft.com/devicelogin and enter FJK2MNPQR."}  # fmt: skip
        claims = {"iss": f"{base}/v2.0", "aud": _CLIENT, "exp": 2_000_000_000, "iat": 1_700_000_000, "sub": "AAAA",
                  "tid": _TENANT, "oid": "22222222", "preferred_username": "anna@contoso.com"}  # fmt: skip
        token = {"token_type": "Bearer", "scope": "https://graph.microsoft.com/.default openid", "expires_in": 4000,
                 "access_token": "eyJhbGciOi", "refresh_token": "0.AAAAabcdef", "client_info": _part({"uid": "u",
                 "utid": "t"}), "id_token": _id_token(json.dumps(claims).encode())}  # fmt: skip

        def read() -> Any:
            block: Any = SimpleNamespace(tenant_id=_TENANT, client_id=_CLIENT, login_url=server.base,
                                         extra_ca=authority.pem, refresh_token=None, signed_in_as=None,
                                         signed_in_at=None, _connections=None)  # fmt: skip
            shown: list[str] = []
            user = sign_in_for(block, CLOUDS["global"], shown.append, sleep=at_once)
            return user, shown, block

        def of_claims(answers: Any) -> Any:
            told = json.dumps({**token, "id_token": _id_token(answers[0].body)}).encode()
            return whole.read([_answer(page), _answer(code), Answer(told, 200, _KIND)])

        whole = Taped(server).case("code", read, Tape.of(*map(_answer, (page, code, token))))
        of_token = type(whole)("claims", [Answer(json.dumps(claims).encode())], of_claims)
        yield [
            Reader("device code", [whole], [json_mutation], measure=_measured, optional=_OPTIONAL),
            Reader("device code's claims", [of_token], [json_mutation], measure=_of_claims),
        ]


_KIND = (("Content-Type", "application/json"),)
_OPTIONAL = frozenset({"id_token", "client_info"})
"""Whoever signed in is told by it; without it they are "a person"."""


def _answer(value: Any) -> Answer:
    return Answer(json.dumps(value).encode(), 200, _KIND)


def _measured(result: Any) -> Counter[str]:
    user, shown, block = result
    secret = block.refresh_token.get_secret_value()
    assert isinstance(block.signed_in_at, datetime) and isinstance(block.signed_in_as, str)
    return Counter({"refresh token": int(bool(secret.strip())), "person": int(bool(user.strip())),
                    "shown": int(bool(shown and shown[0].strip()))})  # fmt: skip


def _of_claims(result: Any) -> Counter[str]:
    return _measured(result)
