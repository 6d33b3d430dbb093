"""Recipients that we make: written down before and after, so that after a kill it is known whose each of them is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from mailmove.errors import Blocked, NotYet
from mailmove.inventory.wanted_recipients import WantedRecipient
from mailmove.leavable import Leavable
from mailmove.ports.tenant.creation import ADDRESS_TAKEN
from tasks.accounts.first_password_store import FirstPassword, new_password, read_safe, write_safe
from tasks.execution.context import Context
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import RecipientNote

_MAKING = timedelta(hours=1)
"""A password that was changed so long after the account was made was set by somebody."""
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def notes(context: Context) -> dict[str, RecipientNote]:
    """Address -> what this cutover wrote down last."""
    return {note.address: note for _, note in context.ledger.payloads(RecipientNote)}


def ids_of_customer(context: Context) -> set[str]:
    """Object ids of all that any cutover of this customer has made."""
    payloads = (entry.payload for entry in context.ledger.entries_of_customer())
    return {payload.id for payload in payloads if isinstance(payload, RecipientNote) and payload.id}


def note(context: Context, phase: str, address: str, identity: str = "") -> None:
    kind = {"asked": EntryKind.INTENT, "claimed": EntryKind.EVIDENCE}.get(phase, EntryKind.RECEIPT)
    payload = RecipientNote.model_validate({"phase": phase, "address": address, "id": identity})
    context.ledger.record(kind, context.stage, payload=payload, facts=[f"{address}: {phase}"])


def make_recipient(context: Context, wanted: WantedRecipient, alias: str, thing: Leavable) -> None:
    """NotYet: it was made, or may have been, and does not show yet. Blocked: somebody else has a name of it."""
    before = notes(context).get(wanted.address)
    if before is not None and before.phase in ("made", "claimed"):
        raise _not_shown(wanted, "made, and not shown")
    note(context, "asked", wanted.address)
    password = _chosen(context, wanted) if wanted.kind == "person" else None
    try:
        identity = context.tenant.creation.make(wanted, alias, password)
    except Blocked as error:
        if error.code == ADDRESS_TAKEN and before is not None and before.phase == "asked":
            raise _not_shown(wanted, f"asked for before, and now: {error.seen}") from error
        error.leaves = error.leaves or (thing,)
        raise
    note(context, "made", wanted.address, identity)
    _set(context, wanted)


def settle(context: Context, wanted: WantedRecipient) -> None:
    """Go on with what stands there now, after a try that ended between asking and its answer."""
    known = notes(context).get(wanted.address)
    if known is None or known.phase == "removed":
        return
    if known.phase == "asked":
        note(context, "claimed", wanted.address)
    _set(context, wanted, again=known.phase != "made")


def _chosen(context: Context, wanted: WantedRecipient) -> SecretStr:
    """Its first password, written into the safe before anybody gets it; where the plan keeps none, one that is lost."""
    if not context.plan.target.first_sign_in:
        return new_password()
    safe = read_safe(context.plan.customer)
    mine = safe.get(wanted.address)
    if mine is None or mine.state != "chosen" or mine.password is None:
        mine = FirstPassword(state="chosen", changed=_NEVER, password=new_password())
        write_safe(context.plan.customer, {**safe, wanted.address: mine})
    assert mine.password is not None
    return mine.password


def _set(context: Context, wanted: WantedRecipient, *, again: bool = False) -> None:
    """Note that the password is the account's. again: nobody knows whether it is, so it is set once more."""
    mine = read_safe(context.plan.customer).get(wanted.address)
    if wanted.kind != "person" or mine is None or mine.state != "chosen" or mine.password is None:
        return
    users = context.tenant.users
    made, changed = users.password_dates(wanted.address)
    if again and changed - made <= _MAKING:
        context.fence()
        users.set_password(wanted.address, mine.password, must_change=True)
        _, changed = users.password_dates(wanted.address)
    safe = read_safe(context.plan.customer)
    write_safe(
        context.plan.customer, {**safe, wanted.address: mine.model_copy(update={"state": "set", "changed": changed})}
    )


def _not_shown(wanted: WantedRecipient, seen: str) -> NotYet:
    return NotYet("Microsoft 365", wanted=f"{wanted.address} in the tenant", seen=seen, todo="It is looked at again.")
