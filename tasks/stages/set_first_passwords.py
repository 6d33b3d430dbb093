"""After the first sync: a first password for everybody whose account the batch has made; nobody knows theirs.

A password is written into its block first, then set. It never reaches a parameter, log, artifact, result or report;
`mailmove passwords CUSTOMER` shows it to whoever hands it over. An account that people use already is left alone.
"""

from __future__ import annotations

import secrets
import string
from datetime import timedelta

from pydantic import SecretStr

from mailmove.evidence import Change, Evidence, Finding, Preview, Receipt
from mailmove.plan.cutover import Cutover
from mailmove.ports import Tenant
from tasks.accounts.first_password_store import FirstPassword, block_of, read_safe, write_safe
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import source_server, tenant
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.items.copy_mailboxes import is_direct

NAME = "set_first_passwords"
_OF = "first password of "
_MAKING = timedelta(hours=1)
"""A password that was changed so long after the account was made was set by somebody."""
_DONE = ("set", "taken over")
_UNLIKE = str.maketrans("", "", "Il1O0o")
_KINDS = [kind.translate(_UNLIKE) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits)]
_SYMBOLS = "!#%+-=?@"


def new_password() -> SecretStr:
    """16 characters of four kinds, none that is mistaken for another: about 90 bits."""
    chosen = [secrets.choice(kind) for kind in (*_KINDS, _SYMBOLS)]
    chosen += [secrets.choice("".join(_KINDS)) for _ in range(12)]
    secrets.SystemRandom().shuffle(chosen)
    return SecretStr("".join(chosen))


def _preview(cutover: Cutover) -> Preview:
    preview = Preview(stage=NAME)
    if not _wanted(cutover):
        return preview
    cloud, safe = tenant(cutover), read_safe(cutover.customer)
    kinds = cloud.mailboxes.kinds()
    for box in source_server(cutover).inventory().moving:
        known = safe.get(box.address)
        if box.kind != "user" or box.address not in kinds or (known and known.state in _DONE):
            continue
        if _in_use(cloud, box.address, known):
            preview.findings.append(_left_alone(box.address))
        else:
            held = f"set, and held in the block secret/{block_of(cutover.customer)}"
            preview.changes.append(Change(what=_OF + box.address, before=None, after=held))
    return preview


def _wanted(cutover: Cutover) -> bool:
    """Only the batch makes accounts of which nobody knows the password."""
    return cutover.target.first_sign_in and not is_direct(cutover)


def _in_use(cloud: Tenant, address: str, known: FirstPassword | None) -> bool:
    """Has somebody else set its password?

    Unverified: that the batch leaves an account's lastPasswordChangeDateTime at about its createdDateTime.
    """
    made, changed = cloud.users.password_dates(address)
    if known is None:
        return changed - made > _MAKING
    return known.state == "withdrawn" and changed != known.changed


def _left_alone(address: str) -> Finding:
    return Finding(
        subject=address,
        seen="an account whose password somebody has set since it was made",
        means="It may be in use, so it gets no first password from us.",
        todo="Reset it in the admin centre if its owner does not know it.",
    )


@look
def check(cutover: Cutover) -> Preview:
    """Who is to get one; not a word about what it is."""
    return _preview(cutover)


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Each is to be changed at the first sign-in. A killed try is gone on with, never repeated with another one."""

    def hand_out(preview: Preview) -> None:
        for one in preview.changes:
            _hand_out(cutover, one.what.removeprefix(_OF))

    return act(cutover, lambda: _preview(cutover), hand_out, approved=approved)


def _hand_out(cutover: Cutover, address: str) -> None:
    cloud, safe = tenant(cutover), read_safe(cutover.customer)
    _, changed = cloud.users.password_dates(address)
    mine = safe.get(address)
    if mine is None or mine.state != "chosen" or mine.password is None:
        mine = FirstPassword(state="chosen", changed=changed, password=new_password())
        write_safe(cutover.customer, {**safe, address: mine})
    if changed == mine.changed:  # otherwise a try that was killed has set it
        assert mine.password is not None
        cloud.users.set_password(address, mine.password, must_change=True)
        _, changed = cloud.users.password_dates(address)
    done = mine.model_copy(update={"state": "set", "changed": changed})
    write_safe(cutover.customer, {**safe, address: done})


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """How many have one, and where they lie."""
    if not _wanted(cutover):
        return witness(cutover, NAME, ["no first passwords: the plan says so, or the accounts were made by hand"])
    having = [address for address, one in read_safe(cutover.customer).items() if one.state in _DONE]
    told = f"{len(having)} people have a first password: `mailmove passwords {cutover.customer}` shows them"
    return witness(cutover, NAME, [told, *sorted(having)])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Again a password that nobody knows. Who has chosen an own one since keeps it."""
    cloud = tenant(cutover)
    kinds = cloud.mailboxes.kinds()
    remains = _taken_over(cutover, [one.what.removeprefix(_OF) for one in receipt.changes])

    def standing() -> list[Change]:
        safe = read_safe(cutover.customer)
        open_ones = {address for address, one in safe.items() if one.state in ("chosen", "set", "withdrawing")}
        return [one for one in receipt.changes if one.what.removeprefix(_OF) in open_ones & kinds.keys()]

    def withdraw() -> None:
        for one in standing():
            address = one.what.removeprefix(_OF)
            _note(cutover, address, FirstPassword(state="withdrawing", changed=cloud.users.password_dates(address)[1]))
            cloud.users.set_password(address, new_password(), must_change=False)
            _note(cutover, address, FirstPassword(state="withdrawn", changed=cloud.users.password_dates(address)[1]))

    return undo(receipt, standing, withdraw, remains=remains)


def _taken_over(cutover: Cutover, addresses: list[str]) -> list[str]:
    """Notes whose password is their own by now; a line for each."""
    cloud, remains = tenant(cutover), []
    kinds = cloud.mailboxes.kinds()
    for address, one in read_safe(cutover.customer).items():
        if address not in addresses or address not in kinds or one.state not in _DONE:
            continue
        if one.state == "set" and cloud.users.password_dates(address)[1] == one.changed:
            continue
        if one.state == "set":
            _note(cutover, address, FirstPassword(state="taken over", changed=one.changed))
        remains.append(f"password of {address}: its owner has changed it, so it was left")
    return remains


def _note(cutover: Cutover, address: str, known: FirstPassword) -> None:
    write_safe(cutover.customer, {**read_safe(cutover.customer), address: known})
