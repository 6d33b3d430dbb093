"""Who copies the mailboxes of this cutover: as the plan says, or, with `auto`, decided once and kept in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mailmove.errors import Blocked, MailmoveError, Refused
from mailmove.evidence import Finding, Preview
from mailmove.plan.cutover import Cutover
from mailmove.plan.mover import MoverChoice, MoverFacts, MoverName, choose_mover
from mailmove.ports.tenant.migration import CUTOVER_NOT_SUPPORTED
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task
from tasks.items.server_analysis import NEEDS_OUTLOOK_ANYWHERE, analysis, spoken_tls
from tasks.ledger.entry import EntryKind
from tasks.ledger.payloads import MoverDecision

NAME, SUBJECT = "mover", "mover"
T = TypeVar("T")
_WORDS = {"native": "Microsoft's batch", "direct": "a copy of our own"}


def mover_of(context: Context) -> MoverName:
    """The plan's word; with `auto` what the ledger has. An older cutover, which decided nothing, has a batch."""
    if context.plan.target.mover != "auto":
        return context.plan.target.mover
    decisions = context.ledger.payloads(MoverDecision)
    return decisions[-1][1].mover if decisions else "native"


def is_direct(context: Context) -> bool:
    return mover_of(context) == "direct"


def settled_plan(plan: Cutover, preview: Preview) -> Cutover:
    """The plan with the mover that a check has chosen, for other checks; as it is, where nothing was chosen."""
    mover = preview.observed.get(NAME)
    if plan.target.mover != "auto" or mover is None:
        return plan
    return plan.model_copy(update={"target": plan.target.model_copy(update={"mover": mover})})


@check_task
def check_mover(context: Context) -> Preview:
    """What would be chosen, with every reason; it blocks where neither can be done."""
    if context.plan.target.mover != "auto":
        return Preview(stage=NAME)
    choice = choose_mover(read_facts(context))
    return Preview(stage=NAME, findings=[_finding(choice)], observed={NAME: choice.mover} if choice.mover else {})


@apply_task
def decide_mover(context: Context) -> str:
    """Decide once, and write it down. Blocked: neither can be done."""
    if context.plan.target.mover != "auto" or context.ledger.payloads(MoverDecision):
        return mover_of(context)
    choice = choose_mover(read_facts(context))
    if choice.mover is None:
        finding = _finding(choice)
        raise Blocked(SUBJECT, wanted="a way to copy the mailboxes", seen=finding.seen, todo=finding.todo)
    payload = MoverDecision(mover=choice.mover, reasons=choice.reasons)
    facts = [f"mailboxes are copied by {_WORDS[choice.mover]}", *_lines(choice)]
    context.ledger.record(EntryKind.DECISION, NAME, payload=payload, facts=facts)
    return choice.mover


def read_facts(context: Context) -> MoverFacts:
    """What can be seen now; what cannot is None. Nothing is changed."""
    boxes = _seen(lambda: context.source.inventory().moving)
    people = None if boxes is None else sum(box.kind == "user" for box in boxes)
    proved, words = _outlook_anywhere(context)
    test, answer = _microsofts_test(context)
    return MoverFacts(
        mailboxes=None if boxes is None else len(boxes),
        tls=spoken_tls(context),
        outlook_anywhere=proved,
        outlook_anywhere_seen=words,
        microsofts_test=test,
        microsofts_words=answer,
        synchronised=_seen(lambda: context.tenant.recipients.synchronised()),
        missing_rights=_seen(lambda: tuple(finding.subject for finding in context.tenant.items.copy_findings())),
        short_of_licences=None if people is None else _seen(lambda: _short(context, people)),
    )


def _seen(read: Callable[[], T]) -> T | None:
    """None: the other side cannot be asked so far; that says nothing for or against."""
    try:
        return read()
    except MailmoveError:
        return None


def _outlook_anywhere(context: Context) -> tuple[str | None, str]:
    """What a certificate of the cutover's own, and switching it on, will mend is not against it."""
    try:
        enabled = context.source.outlook_anywhere() is not None
        failures = analysis(context).failures
    except MailmoveError:
        return None, ""
    expected = () if enabled else NEEDS_OUTLOOK_ANYWHERE
    certificate = ("Certificate",) if context.plan.source.obtain_certificate else ()
    bad = [failure for failure in failures if not failure.name.startswith((*expected, *certificate, "TLS"))]
    if bad:
        return "failed", "; ".join(f"{failure.name}: {failure.seen}" for failure in bad[:3])
    return ("proved" if enabled else "to_enable"), ""


def _microsofts_test(context: Context) -> tuple[str | None, str]:
    """Only by an endpoint that the plan names: without one there is nothing that could be asked."""
    endpoint = context.plan.target.endpoint
    if endpoint is None:
        return None, ""
    try:
        if context.tenant.migration.endpoint(endpoint) is None:
            return None, ""
        context.tenant.migration.test_endpoint(endpoint)
    except Refused:
        return None, ""
    except Blocked as error:
        return ("no_cutover" if error.code == CUTOVER_NOT_SUPPORTED else "failed"), error.seen
    except MailmoveError:
        return None, ""
    return "good", "Microsoft reaches the old server by the plan's endpoint"


def _short(context: Context, people: int) -> int | None:
    """Licences that are missing; None: some are ordered by the cutover itself. Who has one already needs none."""
    if context.plan.target.purchase is not None:
        return None
    sku = context.plan.target.licence
    owned = sum(licence.owned for licence in context.tenant.users.licences() if licence.sku == sku)
    return max(0, people - owned)


def _finding(choice: MoverChoice) -> Finding:
    if choice.mover is None:
        against = [*choice.reasons_against("native"), *choice.reasons_against("direct")]
        reasons = [reason for reason in against if reason.weight == "impossible"]
        return Finding(
            subject=SUBJECT,
            seen="; ".join(f"{_WORDS[reason.of]}: {reason.seen}" for reason in reasons),
            means="Neither Microsoft's batch nor a copy of our own can move the mailboxes.",
            todo="Mend what stands in the way of one of them, or say in the plan which is to be tried: `mover`.",
            blocks=True,
        )
    return Finding(
        subject=SUBJECT,
        seen=f"{choice.mover}; {'; '.join(_lines(choice))}",
        means=f"The mailboxes are copied by {_WORDS[choice.mover]}.",
        todo="Nothing; `mover: native` or `mover: direct` in the plan says otherwise.",
        needs_action=False,
    )


def _lines(choice: MoverChoice) -> list[str]:
    spoken = {"good": "", "against": "against it: ", "impossible": "impossible: ", "not_seen": "not seen: "}
    return [f"{_WORDS[reason.of]}: {spoken[reason.weight]}{reason.seen}" for reason in choice.reasons]
