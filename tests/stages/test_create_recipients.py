"""A tenant that holds nobody gets everybody: made once, whoever dies in between; what somebody has used stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cutover_walk import settled
from engine_taps import Killed, killed_at_fence, killed_before_writing
from fake_blocks import TENANT, a_plan, source
from memory_engine import MemoryEngine
from pydantic import SecretStr
from wire_tap import tapped

from blocks.microsoft365.microsoft365 import Microsoft365
from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.cloud.tenant import CloudDomain, CloudUser
from lab.places import Places
from mailmove.errors import Blocked
from mailmove.evidence import Evidence, Receipt
from mailmove.inventory.full import AddressBook, Contact, Group
from mailmove.inventory.server import Inventory, SourceMailbox
from mailmove.plan.cutover import Cutover
from tasks.accounts.first_password_store import read_safe
from tasks.engine.current import running_on
from tasks.ledger.ledger import Ledger
from tasks.progress.rollback_stage import roll_back_stage
from tasks.stages import create_recipients, license_mailboxes, set_first_passwords

ANNA, BEN, INFO, ROOM, BEAMER = (f"{name}@contoso.com" for name in ("anna", "ben", "info", "room", "beamer"))
ALL, BOARD, COURIER, PICKUP, TAX = (
    "all@contoso.com", "board@contoso.com", "courier@contoso.com", "pickup@fabrikam.example", "tax@out.example",
)  # fmt: skip
BOXES = [
    SourceMailbox(address=ANNA, display_name="Anna Berg", kind="user", aliases=("a.berg@contoso.com", "a@old.local")),
    SourceMailbox(address=BEN, display_name="Ben Groß", kind="user"),
    SourceMailbox(address=INFO, display_name="Info", kind="shared", aliases=("hello@contoso.com",)),
    SourceMailbox(address=ROOM, display_name="Room", kind="room"),
    SourceMailbox(address=BEAMER, display_name="Beamer", kind="equipment"),
]
BOOK = AddressBook(
    groups=[
        Group(
            address=ALL, display_name="Everybody", kind="distribution", members=(ANNA, BEN, COURIER, INFO),
            aliases=("everybody@contoso.com",), owners=(ANNA,), inside_only=False,
        ),
        Group(address=BOARD, display_name="Board", kind="security", members=(ALL, ANNA, "gone@contoso.com"),
              inside_only=True),
    ],
    contacts=[
        Contact(address=COURIER, display_name="Courier", kind="contact", target=PICKUP),
        Contact(address=TAX, display_name="Tax", kind="contact", target=TAX),
    ],
)  # fmt: skip


@dataclass
class Company:
    cloud: Cloud
    plan: Cutover
    memory: MemoryEngine

    @property
    def tenant(self) -> Any:
        return self.cloud.tenant

    def made(self) -> list[str]:
        """Everything that stands in the tenant but its administrator, with what was given to it."""
        boxes = self.cloud.store
        users = [
            f"{user.upn} {user.kind} {user.usage_location} {len(user.skus)} "
            f"{' '.join(box.aliases) if (box := boxes.find(user.upn)) else 'no mailbox'}"
            for user in self.tenant.users.values()
            if not user.upn.startswith("admin@")
        ]
        others = [
            f"{other.address} {other.details} {sorted(other.aliases)} {sorted(other.members)} {sorted(other.owners)} "
            f"{other.inside_only}"
            for other in self.tenant.others.values()
        ]
        return sorted([*users, *others])

    def until_verified(self) -> Evidence:
        return settled(lambda: create_recipients.verify.fn(self.plan))

    def apply(self) -> Receipt:
        return settled(lambda: create_recipients.apply.fn(self.plan))

    def roll_back(self) -> Receipt:
        """As the flow `rollback` does: in a run of its own."""
        with self.memory.in_another_run():
            return settled(lambda: roll_back_stage(self.plan, create_recipients.NAME, self.memory.root))


@pytest.fixture(scope="module")
def cloud() -> Iterator[tuple[Cloud, dict[str, Any]]]:
    authority, places = Authority(), Places()
    with Cloud(places, authority, resolver=("127.0.0.1", 9), mx_zone="mx.microsoft", directory=list) as cloud:
        cloud.tenant.domains["contoso.com"] = CloudDomain("contoso.com", verified=True, services=["Email"])
        cloud.tenant.provisioning_seconds = 0.1
        yield cloud, {"authority": authority, "empty": cloud.tenant.picture()}


@pytest.fixture
def company(cloud: tuple[Cloud, dict[str, Any]]) -> Iterator[Company]:
    with a_company(*cloud) as company:
        yield company


@contextmanager
def a_company(cloud: Cloud, known: dict[str, Any]) -> Iterator[Company]:
    cloud.tenant.restore(known["empty"])
    block = Microsoft365(
        tenant_id=cloud.tenant_id,
        client_id=cloud.app.client_id,
        client_secret=SecretStr(cloud.app.secret),
        login_url=cloud.base_url,
        graph_url=cloud.base_url,
        exchange_url=cloud.base_url,
        extra_ca=known["authority"].pem,
    )
    old = source(**{
        "inventory.return_value": Inventory(server="OLD", version="8.3.83.6", mailboxes=BOXES),
        "address_book.return_value": BOOK,
    })  # fmt: skip
    with running_on(MemoryEngine({**old, TENANT: block})) as memory:
        yield Company(cloud, a_plan(target={"mover": "direct"}), memory)


WHOLE = sorted([
    f"{ANNA} Regular GB 1 a.berg@contoso.com",
    f"{BEN} Regular GB 1 ",
    f"{INFO} Shared None 0 hello@contoso.com",
    f"{ROOM} Room None 0 ",
    f"{BEAMER} Equipment None 0 ",
    f"{PICKUP} MailContact ['{COURIER}'] [] [] True",
    f"{TAX} MailContact [] [] [] True",
    f"{ALL} MailUniversalDistributionGroup ['everybody@contoso.com'] ['{ANNA}', '{BEN}', '{INFO}', '{PICKUP}'] "
    f"['{ANNA}'] False",
    f"{BOARD} MailUniversalSecurityGroup [] ['{ALL}', '{ANNA}'] [] True",
])  # fmt: skip


def test_everybody_is_made_and_later_stages_have_nothing_left_to_do(company: Company) -> None:
    previewed = create_recipients.check.fn(company.plan)
    assert previewed.blockers == []
    company.apply()
    facts = company.until_verified().facts
    assert company.made() == WHOLE
    assert "gone@contoso.com is not in board@contoso.com: it is not in the tenant" in facts
    receipt = Ledger("contoso", company.memory.root).receipt(create_recipients.NAME)
    assert {change.key: change for change in receipt.changes} == {change.key: change for change in previewed.changes}
    safe = read_safe("contoso")
    for address in (ANNA, BEN):
        user, first = company.tenant.users[address], safe[address]
        assert (first.state, user.must_change) == ("set", True)
        assert first.password is not None and first.password.get_secret_value() == user.password
    assert license_mailboxes.check.fn(company.plan).changes == []
    assert set_first_passwords.check.fn(company.plan).changes == []
    with tapped() as heard:
        company.apply()
        company.until_verified()
    assert heard == [], "what stands there is left alone"
    assert company.tenant.made_up == []


def test_whoever_stands_in_the_way_is_named_before_anything_is_made(company: Company) -> None:
    company.cloud.add_recipient("a.berg@contoso.com", "MailContact")
    company.cloud.add_recipient(ALL, "GroupMailbox")
    company.cloud.add_user(INFO, "somebody called Info")
    gone = CloudUser(BEN, "Ben, who left", deleted=datetime.now(UTC))
    company.tenant.deleted[gone.id] = gone
    findings = {finding.subject: finding.seen for finding in create_recipients.check.fn(company.plan).blockers}
    assert findings == {
        ANNA: "a.berg@contoso.com is held in the tenant by a.berg@contoso.com (MailContact)",
        ALL: f"{ALL} is held in the tenant by {ALL} (GroupMailbox)",
        INFO: f"{INFO} is held in the tenant by {INFO} (User)",
        BEN: f"{BEN} belongs to a deleted user, who can be restored",
    }
    before = company.made()
    with pytest.raises(Blocked), tapped() as heard:
        create_recipients.apply.fn(company.plan)
    assert (heard, company.made()) == ([], before)


def test_what_stands_there_is_adopted_and_not_ours_to_take_away(company: Company) -> None:
    company.cloud.add_user(ANNA, "Anna Berg")
    company.cloud.add_recipient(BOARD, "MailUniversalSecurityGroup")
    company.apply()
    company.until_verified()
    assert company.made() == WHOLE
    assert read_safe("contoso").keys() == {BEN}, "whoever made the account knows its password"
    company.roll_back()
    assert company.made() == [
        f"{ANNA} Regular GB 0 ",
        f"{BOARD} MailUniversalSecurityGroup [] [] [] True",
    ], "what we gave them is taken back"


def test_what_nobody_has_used_is_taken_away_and_the_rest_is_named(company: Company) -> None:
    company.apply()
    company.until_verified()
    company.tenant.users[BEN].password_changed += timedelta(hours=8)  # he has signed in, and chosen his own
    company.cloud.store.put(ANNA, b"Message-ID: <new@x.example>\r\nSubject: new\r\n\r\nhello\r\n")
    undone = company.roll_back()
    assert sorted(user for user in company.tenant.users if "contoso.com" in user) == [ANNA, BEAMER, BEN, INFO, ROOM]
    assert company.tenant.others == {}
    said = "\n".join(undone.remains)
    assert f"person {ANNA}: it holds 1 items, of which 0 are our copies" in said
    assert f"person {BEN}: its owner has signed in" in said
    assert f"shared {INFO}: {BEN} has signed in, and may have used it" in said


def test_a_rollback_leaves_nothing_and_another_cutover_begins_anew(company: Company) -> None:
    company.apply()
    company.until_verified()
    company.roll_back()
    assert company.made() == []
    assert all(first.password is None for first in read_safe("contoso").values())
    with tapped() as heard:
        company.roll_back()
    assert heard == []
    assert create_recipients.check.fn(company.plan).blockers == [], "those that we deleted are in nobody's way"
    company.apply()
    company.until_verified()
    assert company.made() == WHOLE


@pytest.mark.parametrize("where", ["before an act", "between an act and its note"])
def test_killed_between_any_two_acts_everything_is_made_once(company: Company, where: str) -> None:
    deaths = 0
    for _ in range(60):
        before = where == "before an act"
        dying = killed_at_fence(2) if before else killed_before_writing("receipt", "recipient")
        try:
            with dying:
                company.apply()
            break
        except Killed:
            deaths += 1
    else:
        pytest.fail("not done after 60 deaths")
    company.until_verified()
    assert deaths >= 9
    assert company.made() == WHOLE
    assert company.tenant.effects.count("POST /users") <= 2
    for address in (ANNA, BEN):
        first = read_safe("contoso")[address]
        assert first.state == "set" and first.password is not None
        assert first.password.get_secret_value() == company.tenant.users[address].password
    undone = company.roll_back()
    left = [line for line in undone.remains if "is not known" in line]
    assert len(left) == (9 if where == "between an act and its note" else 0), "what is not known stays, named"
