"""The reader of a certificate authority's answers (RFC 8555), by the block's own wire."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from answers import Answer, Shape
from mutate_json import json_mutation
from reader import Reader
from readers_of_http import Taped
from tape import Exchange, Tape, TapeServer, names_of

from blocks.certificate.acme_order import AcmeWire, new_key, request_for
from lab.authority import Authority
from lab.places import Places
from mailmove.errors import Blocked

ACME_NAMES = ("ACME",)
_NAME = "mail.contoso.com"
_NONCE = ("Replay-Nonce", "nonce-0123456789abcdef")


@contextlib.contextmanager
def acme_readers() -> Iterator[list[Reader]]:
    places, authority = Places(), Authority()
    address = places.host(62)
    account, key = new_key(), new_key()
    with TapeServer(address, authority.server_context(address), "https://none.invalid") as server:
        base = server.base
        request = request_for([_NAME], key)

        def read() -> Any:
            wire = AcmeWire(f"{base}/directory", account, authority.pem)
            wire.sign_in("it@msp.example")
            order = wire.read_order(f"{base}/order/1", request)
            if order is None:
                raise Blocked("ACME", wanted="the order", seen="none", todo="Begin again.")  # as the block says then
            return wire.to_publish(order)

        case = Taped(server).case("order", read, _tape(base))
        yield [Reader("ACME", [case], [json_mutation], Shape(counted=_NEEDED), _measured, _OPTIONAL)]


_NEEDED = frozenset({"authorizations", "challenges"})
_OPTIONAL = frozenset({"status"})
"""Another status: there is nothing to publish any more."""


def _measured(challenges: list[Any]) -> Counter[str]:
    return Counter({"records": sum(bool(challenge.name and challenge.value) for challenge in challenges)})


def _tape(base: str) -> Tape:
    """What RFC 8555 sections 7.1 to 7.5 show, in this order."""
    directory = {name: f"{base}/{name}" for name in ("newNonce", "newAccount", "newOrder", "revokeCert", "keyChange")}
    challenge = {"type": "dns-01", "url": f"{base}/challenge/1", "status": "pending", "token": "a" * 43}
    other = {"type": "http-01", "url": f"{base}/challenge/2", "status": "pending", "token": "b" * 43}
    identifier = {"type": "dns", "value": _NAME}
    proof = {"status": "pending", "expires": "2030-01-01T00:00:00Z", "identifier": identifier,
             "challenges": [other, challenge]}  # fmt: skip
    order = {"status": "pending", "expires": "2030-01-01T00:00:00Z", "identifiers": [identifier],
             "authorizations": [f"{base}/proof/1"], "finalize": f"{base}/finalize/1"}  # fmt: skip
    account = {"status": "valid", "contact": ["mailto:it@msp.example"], "orders": f"{base}/orders"}
    exchanges = [
        _exchange("GET", "/directory", 200, {**directory, "meta": {"termsOfService": f"{base}/terms"}}),
        Exchange(names_of("HEAD", "/newNonce", b""), Answer(b"", 200, (_NONCE,))),
        _exchange("POST", "/newAccount", 201, account, ("Location", f"{base}/account/1")),
        _exchange("POST", "/order/1", 200, order),
        _exchange("POST", "/proof/1", 200, proof),
    ]
    return Tape(exchanges, recording=False)


def _exchange(method: str, path: str, status: int, body: Any, *headers: tuple[str, str]) -> Exchange:
    kind = ("Content-Type", "application/json")
    return Exchange(names_of(method, path, b""), Answer(json.dumps(body).encode(), status, (kind, _NONCE, *headers)))
