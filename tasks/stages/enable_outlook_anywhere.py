"""Enable Outlook Anywhere on the old server, and prove from outside that Microsoft can use it."""

from __future__ import annotations

from typing import Any

from mailmove.changes import Change, ChangeKind, HostSubject
from mailmove.errors import NotYet
from mailmove.evidence import Evidence, Finding, Preview, Receipt
from mailmove.inventory.server import OutlookAnywhere
from mailmove.ports import HasRpcProxyFeature
from mailmove.report import forecast_rules
from tasks.execution.apply_and_undo import apply_changes, record_evidence, undo_changes
from tasks.execution.context import Context
from tasks.execution.retry_policies import apply_task, check_task, rollback_task, verify_task
from tasks.items.mover_choice import is_direct
from tasks.items.server_analysis import NEEDS_OUTLOOK_ANYWHERE, analysis
from tasks.ledger.stored_values import stored_value

NAME = "enable_outlook_anywhere"
FORECAST = forecast_rules.outlook_anywhere


def _preview(context: Context) -> Preview:
    server, preview = context.source, Preview(stage=NAME)
    if is_direct(context):
        return preview  # Microsoft's service will not come by
    if isinstance(server, HasRpcProxyFeature) and server.rpc_proxy_feature() is False:
        preview.changes.append(_change(context, ChangeKind.RPC_PROXY_FEATURE, False, True))
    today = server.outlook_anywhere()
    wanted = OutlookAnywhere(external_host=context.plan.source.outlook_anywhere_host, authentication="Basic")
    if today != wanted:
        before = today.model_dump() if today else None
        preview.changes.append(_change(context, ChangeKind.OUTLOOK_ANYWHERE, before, wanted.model_dump()))
    return preview


def _change(context: Context, kind: ChangeKind, before: Any, after: Any) -> Change:
    subject = HostSubject(host=context.plan.source.outlook_anywhere_host)
    return Change(kind=kind, subject=subject, before=before, after=after)


@check_task
def check(context: Context) -> Preview:
    """Today's settings against host name and Basic authentication, which is what Microsoft's service uses."""
    preview = _preview(context)
    if is_direct(context):
        return preview
    before_enabling = bool(preview.changes)  # until then the RPC proxy is expected to say no
    for step in analysis(context).walk():
        expected = before_enabling and step.name.startswith(NEEDS_OUTLOOK_ANYWHERE)
        if step.children or expected or step.status not in ("failed", "warning"):
            continue
        bad = step.status == "failed"
        means = "Microsoft refuses it." if bad else "Microsoft may stumble over it."
        preview.findings.append(Finding(subject=step.name, seen=step.seen, means=means, todo=step.todo, blocks=bad))
    return preview


@apply_task
def apply(context: Context, approved: str | None = None) -> Receipt:
    """Set them through the server's own shell."""
    return apply_changes(
        context,
        lambda: _preview(context),
        lambda preview: _make(context, preview.changes),
        approved=approved,
    )


@verify_task
def verify(context: Context) -> Evidence:
    """Connect as Microsoft does. Exchange takes up to an hour to obey, so that this may be NotYet for long."""
    if is_direct(context):
        return record_evidence(context, NAME, ["not needed: Mailmove copies the mailboxes itself"])
    steps = analysis(context)
    for failed in steps.failures:
        raise NotYet(context.plan.source.outlook_anywhere_host, wanted=failed.name, seen=failed.seen, todo=failed.todo)
    return record_evidence(context, NAME, [f"{step.name}: {step.seen}" for step in steps.walk() if not step.children])


@rollback_task
def rollback(context: Context, receipt: Receipt) -> Receipt:
    """Set what stood there before; not enabled before means disabled again."""
    return undo_changes(context, receipt, lambda: _differing(context, receipt), lambda: _put_back(context, receipt))


def _make(context: Context, changes: list[Change]) -> None:
    """Give each what stands in `after`. The feature first: without it Exchange has nothing to set."""
    after = {change.kind: change.after for change in changes}
    if ChangeKind.RPC_PROXY_FEATURE in after:
        _feature(context).set_rpc_proxy_feature(bool(after[ChangeKind.RPC_PROXY_FEATURE]))
    if ChangeKind.OUTLOOK_ANYWHERE in after:
        value = after[ChangeKind.OUTLOOK_ANYWHERE]
        context.source.set_outlook_anywhere(
            stored_value(OutlookAnywhere, value, "the setting that stood there") if value else None
        )


def _put_back(context: Context, receipt: Receipt) -> None:
    """The settings first, then the feature under them."""
    differing = _differing(context, receipt)
    for change in sorted(differing, key=lambda change: change.kind is ChangeKind.RPC_PROXY_FEATURE):
        _make(context, [change.inverse()])


def _feature(context: Context) -> HasRpcProxyFeature:
    server = context.source
    assert isinstance(server, HasRpcProxyFeature), "it was looked at before"
    return server


def _differing(context: Context, receipt: Receipt) -> list[Change]:
    today = context.source.outlook_anywhere()
    standing: dict[ChangeKind, Any] = {ChangeKind.OUTLOOK_ANYWHERE: today.model_dump() if today else None}
    if any(change.kind is ChangeKind.RPC_PROXY_FEATURE for change in receipt.changes):
        standing[ChangeKind.RPC_PROXY_FEATURE] = _feature(context).rpc_proxy_feature()
    return [change for change in receipt.changes if change.before != standing.get(change.kind)]
