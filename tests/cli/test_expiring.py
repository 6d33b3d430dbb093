"""A secret or certificate that ends: named a month ahead by its block, by preflight, and on the board."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fake_blocks import a_plan
from memory_engine import MemoryEngine
from pydantic import SecretStr

from blocks.microsoft365.microsoft365 import Microsoft365
from blocks.microsoft365.signing_in.expiring import certificate_findings
from lab.town import Town
from mailmove.clock import now
from mailmove.evidence import Finding, Preview
from mailmove.expiry import expiry_finding
from tasks.engine.current import running_on
from tasks.execution.context import Context
from tasks.reporting.expiring import expiring_of, keep_expiring

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "named", "blocks"),
    [(31, False, False), (30, True, False), (1, True, False), (0, True, True), (-9, True, True)],
)
def test_what_ends_is_named_a_month_ahead_and_blocks_once_it_has(days: int, named: bool, blocks: bool) -> None:
    finding = expiry_finding("secret", AT + timedelta(days=days), "Rotate it.", AT)
    assert (finding is not None, bool(finding and finding.blocks)) == (named, blocks)


def certificate_for(days: int) -> SecretStr:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now() - timedelta(days=400)).not_valid_after(now() + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return SecretStr(made.public_bytes(serialization.Encoding.PEM).decode())


def test_a_certificate_says_itself_when_it_ends() -> None:
    assert certificate_findings(certificate_for(40)) == []
    (soon,) = certificate_findings(certificate_for(12))
    assert ("in 11 days" in soon.seen, soon.blocks, "block rotate" in soon.todo) == (True, False, True)
    assert certificate_findings(certificate_for(-1))[0].blocks
    assert certificate_findings(SecretStr("no certificate at all")) == []


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with Town(users=1, shared=0, public_folders=0, messages=10, mail_per_second=0) as town:
        yield town


def findings(town: Town, secret: str = "") -> list[Finding]:
    cloud = town.settings["microsoft365"]
    block = Microsoft365(
        tenant_id=cloud["tenant_id"],
        client_id=cloud["client_id"],
        client_secret=SecretStr(secret or cloud["client_secret"]),
        exchange_public_key=cloud["exchange_public_key"],
        **dict.fromkeys(("login_url", "graph_url", "exchange_url"), cloud["base_url"]),
        **town.settings["trust"],
    )
    return [finding for finding in block.findings() if "client secret" in finding.subject]


def test_graph_says_when_a_client_secret_ends_or_that_it_is_not_known(town: Town) -> None:
    app = town.cloud.app
    app.roles.discard("Application.Read.All")
    (unknown,) = findings(town)
    assert (unknown.needs_action, unknown.blocks, "Application.Read.All" in unknown.todo) == (False, False, True)
    app.roles.add("Application.Read.All")
    assert findings(town) == []
    app.secret_ends = datetime.now(UTC) + timedelta(days=20, hours=1)
    (soon,) = findings(town)
    assert ("in 20 days" in soon.seen, soon.blocks, soon.expires is not None) == (True, False, True)
    assert not town.cloud.tenant.made_up, "Graph has what was asked"


def test_preflight_keeps_it_and_the_board_names_it_until_a_later_preflight_does_not() -> None:
    with running_on(MemoryEngine()):
        context = Context(a_plan(), "preflight")
        soon = expiry_finding("The application's client secret", AT + timedelta(days=9), "Rotate it.", AT)
        assert soon is not None
        keep_expiring(context, [Preview(stage="rights", findings=[soon])])
        assert expiring_of(["contoso", "nobody"], AT) == {
            "contoso": ["The application's client secret ends in 9 days (2026-12-09)"]
        }
        assert "has ended" in expiring_of(["contoso"], AT + timedelta(days=10))["contoso"][0]
        keep_expiring(context, [Preview(stage="rights")])
        assert not expiring_of(["contoso"], AT).get("contoso")
