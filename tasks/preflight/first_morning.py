"""Before the cutover: what will people meet at their first sign-in, and would an access pass help them?"""

from __future__ import annotations

from collections.abc import Iterator

from mailmove.errors import MailmoveError
from mailmove.evidence import Finding, Preview
from mailmove.plan.cutover import Cutover
from mailmove.tenant_state import SignInRules
from tasks.execution.context import Context
from tasks.execution.retry_policies import check_task

NAME = "first_morning"
SUBJECT = "first sign-in"


@check_task
def check_first_morning(context: Context) -> Preview:
    """Findings about security defaults, campaigns, Conditional Access and passes. Unseen is not absent."""
    try:
        rules = context.tenant.sign_ins.rules()
    except MailmoveError as error:
        return Preview(stage=NAME, findings=[_unseen(SUBJECT, error.seen)])
    return Preview(stage=NAME, findings=list(findings_of(rules, context.plan)))


def asks_a_second_factor(rules: SignInRules) -> bool:
    """At the first sign-in, of people who have none."""
    return bool(rules.security_defaults or rules.campaign or rules.asking or rules.guarding)


def findings_of(rules: SignInRules, plan: Cutover) -> Iterator[Finding]:
    for what, seen in rules.unseen.items():
        yield _unseen(what, seen)
    if rules.security_defaults:
        yield Finding(
            subject="security defaults",
            seen="on",
            means="Everybody registers a second factor at the first sign-in, without days of grace.",
            todo="Tell people before the night to have their phone at hand on the first morning.",
        )
    if rules.campaign:
        yield Finding(
            subject="registration campaign",
            seen="on",
            means="People are asked to register an authenticator after they have signed in.",
            todo="Tell people that this question is real.",
        )
    if rules.asking:
        yield Finding(
            subject="Conditional Access",
            seen=f"asks a second factor: {', '.join(rules.asking)}",
            means="Who has none registers one at the first sign-in.",
            todo="Tell people to have their phone at hand, and sign in once as a test user.",
        )
    if rules.guarding:
        yield Finding(
            subject="Conditional Access",
            seen=f"guards the registration of a second factor: {', '.join(rules.guarding)}",
            means="People can register only as it says, often only in the office or with a Temporary Access Pass. Who "
            "cannot, cannot sign in.",
            todo="Read what it asks, and give access passes where it takes them.",
        )
    if rules.devices:
        yield Finding(
            subject="Conditional Access",
            seen=f"lets in known devices only: {', '.join(rules.devices)}",
            means="Computers and phones that the tenant does not know (compliant, or joined) open no mail.",
            todo="Have devices enrolled before the night, or leave the customer's people out of it for the first days.",
        )
    if asks_a_second_factor(rules) and rules.without_method is not None:
        yield Finding(
            subject="second factor",
            seen=f"{len(rules.without_method)} users have none so far; accounts that the batch makes have none either",
            means="Each of them registers on the first morning.",
            todo="Plan for it: a quarter of an hour for each, and a person who helps.",
        )
    yield from _of_passes(rules, plan)


def _of_passes(rules: SignInRules, plan: Cutover) -> Iterator[Finding]:
    wanted = plan.target.first_sign_in and plan.target.access_passes
    allowed = rules.passes is not None and rules.passes.allowed
    if wanted and not allowed:
        yield Finding(
            subject="access passes",
            seen="not seen" if rules.passes is None else "the tenant does not allow them",
            means="The plan wants them (`target.access_passes`). Without them people get a first password alone.",
            todo="Allow Temporary Access Pass in Entra, Authentication methods, Policies; or take it out of the plan.",
        )
    if plan.target.first_sign_in and not wanted and allowed and asks_a_second_factor(rules):
        yield Finding(
            subject="access passes",
            seen="the tenant allows them, and the plan does not use them",
            means="With a pass somebody signs in and registers a second factor without one.",
            todo="Proposal: `access_passes: true` under `target` in the plan.",
        )


def _unseen(subject: str, seen: str) -> Finding:
    return Finding(
        subject=subject,
        seen=f"not seen: {seen}",
        means="What people meet at their first sign-in is not known from here; that is not the same as nothing.",
        todo="Grant Policy.Read.All and AuditLog.Read.All, or sign in once as a new user of the tenant.",
        needs_action=False,
    )
