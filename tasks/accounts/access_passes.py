"""A Temporary Access Pass beside a first password: written down that it is asked for, made, kept in the same block.

Microsoft shows a pass once. A try that was killed between making and keeping has lost it: that pass is ours, so it is
taken away and another one made. A pass that stood there before we asked is somebody else's, and is left alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from pydantic import SecretStr

from mailmove.changes import Change, ChangeKind, MailboxSubject
from mailmove.plan.windows import closes, next_opening
from mailmove.tenant_state import PassPolicy
from tasks.accounts.first_password_store import AccessPass, FirstPassword, block_of, read_safe, write_safe
from tasks.execution.context import Context


def pass_policy(context: Context) -> PassPolicy | None:
    """How passes are to be given; None: the plan wants none, or the tenant allows none, which preflight has said."""
    if not context.plan.target.access_passes:
        return None
    policy = context.tenant.sign_ins.pass_rules().passes
    return policy if policy is not None and policy.allowed else None


def pass_change(context: Context, address: str, known: FirstPassword | None) -> Change | None:
    """None: they have had one from us, or have one of somebody else's."""
    held = known.access_pass if known else None
    if held is not None and held.state == "given":
        return None
    if (held is None or held.state == "taken") and context.tenant.sign_ins.pass_of(address) is not None:
        return None
    after = f"given, and held in the block secret/{block_of(context.plan.customer)}"
    subject = MailboxSubject(address=address)
    return Change(kind=ChangeKind.ACCESS_PASS, subject=subject, before=None, after=after)


def give_pass(context: Context, address: str, policy: PassPolicy) -> None:
    """From the end of the next window on, when the first morning begins; now, where the plan has no windows."""
    sign_ins = context.tenant.sign_ins
    known = read_safe(context.plan.customer)[address]
    if known.access_pass is None or known.access_pass.state != "asked":
        _keep(context, address, AccessPass(state="asked"))
    elif (lost := sign_ins.pass_of(address)) is not None:
        sign_ins.take_pass(address, lost)
    start = first_morning(context)
    made, secret = sign_ins.give_pass(address, start, policy.longest, once=policy.once)
    until = start + timedelta(minutes=policy.longest)
    _keep(context, address, AccessPass(state="given", id=made, secret=secret, start=start, until=until))


def take_pass(context: Context, address: str) -> None:
    held = read_safe(context.plan.customer)[address].access_pass
    if held is None:
        return
    pass_id = held.id or context.tenant.sign_ins.pass_of(address)
    if pass_id:
        context.tenant.sign_ins.take_pass(address, pass_id)
    _keep(context, address, AccessPass(state="taken", start=held.start))


def stands(context: Context, address: str) -> bool:
    """Is there a pass of ours, or may there be one?"""
    known = read_safe(context.plan.customer).get(address)
    return known is not None and known.access_pass is not None and known.access_pass.state != "taken"


def first_morning(context: Context) -> datetime:
    windows, at = context.plan.windows, context.now()
    opening = next_opening(windows, at, timedelta(seconds=context.plan.dns.low_ttl)) if windows else None
    return (closes(windows, opening) if opening else None) or at


def _keep(context: Context, address: str, held: AccessPass) -> None:
    safe = read_safe(context.plan.customer)
    write_safe(context.plan.customer, {**safe, address: safe[address].model_copy(update={"access_pass": held})})


def passes_to_hand_over(customer: str) -> dict[str, tuple[SecretStr, str]]:
    """Address -> (pass, from when till when), of those who have one that nobody has erased."""
    return {
        address: (held.secret, f"from {held.start:%Y-%m-%d %H:%M} to {held.until:%Y-%m-%d %H:%M} UTC")
        for address, first in sorted(read_safe(customer).items())
        if (held := first.access_pass) and held.secret and held.start and held.until and held.state == "given"
    }
