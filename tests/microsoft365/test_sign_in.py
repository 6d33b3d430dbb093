"""How tokens are come by: a code typed by a person, a public client, other clouds, and claims challenges."""

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cloud_town import Town
from prefect.client.orchestration import get_client

from blocks.microsoft365.clouds import CLOUDS
from blocks.microsoft365.microsoft365 import Microsoft365
from blocks.microsoft365.signing_in.sign_in import SignIn
from blocks.tls_roots import tls_context
from mailmove.clock import now
from mailmove.errors import Blocked, NotYet, Refused
from tasks.accounts.sign_in import sign_in_to

ADMIN = "admin@northwindexample.onmicrosoft.com"


def typed_by(town: Town, user: str | None) -> tuple[Callable[[str], None], list[str]]:
    """`show` for a sign-in at which this person types the code that they are shown, a little later."""
    shown: list[str] = []

    def show(words: str) -> None:
        shown.append(words)
        code = words.partition("enter the code ")[2].split()[0]
        threading.Timer(0.2, town.cloud.person_signs_in, (code, user)).start()

    return show, shown


def test_a_person_signs_in_with_a_code_and_the_block_keeps_it(town: Town) -> None:
    tenant = town.tenant(certificate=None)
    show, shown = typed_by(town, ADMIN)
    assert tenant.sign_in(show) == ADMIN
    assert "/oauth2/deviceauth and enter the code " in shown[0]
    assert tenant.users.licences() and tenant.domains.get("absent.example") is None
    assert tenant.signed_in_as == ADMIN and tenant.signed_in_at is not None
    kept = tenant.refresh_token
    assert kept is not None and kept.get_secret_value() not in repr(tenant)
    assert kept.get_secret_value() not in tenant.model_dump_json()
    town.faults.set("login.claims_challenge", times=1)
    assert tenant.users.licences(), "a claims challenge is answered with the refresh token"


def test_a_person_who_opens_no_mailboxes_is_told_to_use_the_application(town: Town) -> None:
    tenant = town.tenant(certificate=None)
    tenant.sign_in(typed_by(town, ADMIN)[0])
    todo = {one.subject: one.todo for one in tenant.findings() if one.blocks}
    assert todo.pop("UserAuthenticationMethod.ReadWrite.All")  # of plans with access passes alone
    assert set(todo) == {"Mail.ReadBasic.All", "Calendars.ReadBasic.All", "Contacts.Read"}
    assert all("opens nobody else's mailbox" in one for one in todo.values())


def test_the_partners_user_signs_in_with_a_code(town: Town) -> None:
    partner = town.partner(client_secret=None, refresh_token=None)
    findings = partner.findings()
    assert findings and all("mailmove sign-in" in one.todo for one in findings)
    assert partner.sign_in(typed_by(town, town.cloud.partner.user)[0]) == town.cloud.partner.user
    assert partner.findings() == []
    partner.signed_in_at = now() - timedelta(days=80)
    [old] = partner.findings()
    assert (old.seen, old.blocks) == ("80 days old", False)


def test_a_no_and_nobody(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused, match="say yes"):
        town.tenant().sign_in(typed_by(town, None)[0])
    town.cloud.login.codes.lifetime = 0.0
    with pytest.raises(NotYet, match="nobody typed"):
        town.tenant().sign_in(lambda words: None)
    with pytest.raises(Refused, match="AADSTS700016"):
        town.tenant(client_id="11111111-1111-1111-1111-111111111111").sign_in(lambda words: None)


def test_a_secret_where_none_belongs_is_named(town: Town) -> None:
    tenant = town.tenant(certificate=None)
    tenant.sign_in(typed_by(town, ADMIN)[0])
    wrong = town.tenant(refresh_token=tenant.refresh_token)  # with the certificate of a confidential client
    with pytest.raises(Refused, match="public client"):
        wrong.users.licences()


@pytest.mark.parametrize("name", list(CLOUDS))
def test_a_cloud_is_one_field(name: Any) -> None:
    block = Microsoft365(tenant_id="t", client_id="c", cloud=name)
    parts, cloud = block._parts(), CLOUDS[name]
    assert parts.graph.base == f"{cloud.graph}/v1.0" and parts.exchange._http.base == cloud.exchange
    assert parts.sign_in._entra._authority == f"{cloud.login}/t" and parts.sign_in._entra._microsoft
    assert cloud.graph_scope.startswith(cloud.graph)
    hosts = [one.graph for one in CLOUDS.values()] + [one.exchange for one in CLOUDS.values()]
    assert len(set(hosts)) == len(hosts), "no two clouds share a service"


def test_a_delegated_token_says_that_we_answer_claims_challenges(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []
    issue = town.cloud.login.token
    monkeypatch.setattr(
        town.cloud.login, "token", lambda base, tenant, form: (asked.append(form), issue(base, tenant, form))[1]
    )
    own = town.cloud.partner
    block = town.partner()
    sign_in = SignIn(tenant=own.tenant_id, client_id=own.client_id, secret=block.client_secret,
                     refresh_token=block.refresh_token, login_url=town.cloud.base_url,
                     tls=tls_context(town.authority.pem))  # fmt: skip
    challenge = json.dumps({"access_token": {"nbf": {"essential": True, "value": "1"}}})
    token = sign_in.token("https://graph.microsoft.com/.default", challenge)
    assert json.loads(asked[-1]["claims"]) == {
        "access_token": {"nbf": {"essential": True, "value": "1"}, "xms_cc": {"values": ["cp1"]}}
    }
    assert jwt.decode(token, options={"verify_signature": False})["exp"] > time.time()


def test_what_the_command_gets_is_kept_in_the_saved_block(town: Town, prefect_server: None) -> None:
    town.tenant(certificate=None).save("by-code", overwrite=True)
    assert sign_in_to("microsoft365/by-code", typed_by(town, ADMIN)[0]) == ADMIN
    kept = Microsoft365.load("by-code")
    assert kept.signed_in_as == ADMIN and kept.users.licences()
    with get_client(sync_client=True) as client:
        shown = client.read_block_document_by_name("by-code", "microsoft365", include_secrets=False).data
    assert kept.refresh_token is not None and kept.refresh_token.get_secret_value() not in str(shown)
    with pytest.raises(Blocked, match="no such block"):
        sign_in_to("microsoft365/absent", print)
