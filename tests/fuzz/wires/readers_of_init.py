"""Readers of `mailmove init`: what Microsoft's sign-in, Outlook on the web and a certificate say to anybody."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from answers import Answer
from mutate_json import json_mutation
from mutate_text import bytes_mutation, lines_mutation
from reader import NAMED, Reader
from readers_of_http import Taped
from readers_of_texts import leaf_certificate, one_answer
from tape import Tape, TapeServer

from blocks.microsoft365.signing_in.public_answers import holder_of
from deployments.cli.init.lookup import described
from deployments.cli.init.web_answers import certificate_of, owa_version
from lab.authority import Authority
from lab.places import Places
from mailmove.errors import Transient

INIT_NAMES = ("tenant of a domain", "Outlook on the web", "certificate shown to init")
_JSON = (("Content-Type", "application/json"),)
_TENANT = "5f7e3a1c-0b7d-4c51-9f0e-8d2a4b6c1e90"


@contextlib.contextmanager
def init_readers() -> Iterator[list[Reader]]:
    """Answers as Microsoft documents them: getuserrealm.srf?json=1, OpenID Connect Discovery 1.0 section 4."""
    places, authority = Places(), Authority()
    address = places.host(61)
    with TapeServer(address, authority.server_context(address), "https://none.invalid") as server:
        taped, port = Taped(server), int(server.base.rpartition(":")[2])
        realm = {"State": 4, "UserState": 1, "Login": "anyone@contoso.com", "NameSpaceType": "Managed",
                 "DomainName": "contoso.com", "FederationBrandName": "Contoso", "CloudInstanceName":
                 "microsoftonline.com"}  # fmt: skip
        about = {"token_endpoint": f"{server.base}/{_TENANT}/oauth2/v2.0/token", "jwks_uri": f"{server.base}/keys",
                 "issuer": f"{server.base}/{_TENANT}/v2.0", "response_types_supported": ["code", "id_token"],
                 "tenant_region_scope": "EU", "cloud_instance_name": "microsoftonline.com"}  # fmt: skip
        answers = [Answer(json.dumps(body).encode(), 200, _JSON) for body in (realm, about)]
        tenant = taped.case("managed", lambda: holder_of("contoso.com", server.base, authority.pem), Tape.of(*answers))
        page = Answer(b"<html><title>Outlook</title></html>", 200,
                      (("Content-Type", "text/html"), ("X-OWA-Version", "15.1.2507.39")))  # fmt: skip
        version = taped.case("logon page", lambda: owa_version("mail.contoso.com", address, port), Tape.of(page))
        yield [
            Reader("tenant of a domain", [tenant], [json_mutation], measure=_of_tenant),
            # No version is said to a person by who asks: `Outlook on the web at ... does not say its version`.
            Reader("Outlook on the web", [version], [lines_mutation], measure=lambda version: Counter()),
            Reader("certificate shown to init", [one_answer("leaf", leaf_certificate(), _certificate)],
                   [bytes_mutation], measure=lambda line: Counter()),
        ]  # fmt: skip


def _of_tenant(answer: Any) -> Counter[str]:
    assert answer.kind in ("managed", "federated", "unmanaged", "none", "") and len(answer.tenant_id) in (0, 36), answer
    return Counter({"state": bool(answer.kind), "tenant": bool(answer.tenant_id), NAMED: bool(answer.trouble)})


def _certificate(body: bytes) -> str:
    leaf = certificate_of(body)
    if leaf is None:
        raise Transient("a server", wanted="its certificate", seen="none that can be read", todo="Look.")
    line = described(leaf, "mail.contoso.com")
    assert line.isprintable() and len(line) < 300, line
    return line
