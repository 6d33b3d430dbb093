"""Enable Outlook Anywhere on the old server, and prove from outside that Microsoft can use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mailmove.errors import NotYet
from mailmove.evidence import Change, Evidence, Finding, Preview, Receipt
from mailmove.inventory.server import OutlookAnywhere
from mailmove.plan.cutover import Cutover
from mailmove.ports import HasRpcProxyFeature
from tasks.dns.host_addresses import addresses_of
from tasks.execution.apply_and_undo import act, undo, witness
from tasks.execution.open_blocks import source_server
from tasks.execution.retry_policies import change, look, make_sure, put_back
from tasks.items.copy_mailboxes import is_direct

if TYPE_CHECKING:
    from mailmove.outlook_anywhere import Step

NAME = "enable_outlook_anywhere"
_SETTINGS = "Outlook Anywhere"
_FEATURE = "Windows feature RPC over HTTP Proxy"
_NEEDS_OUTLOOK_ANYWHERE = ("HTTP authentication", "RPC proxy", "RPC server", "Address book")


def _preview(cutover: Cutover) -> Preview:
    server, preview = source_server(cutover), Preview(stage=NAME)
    if is_direct(cutover):
        return preview  # Microsoft's service will not come by
    if isinstance(server, HasRpcProxyFeature) and server.rpc_proxy_feature() is False:
        preview.changes.append(Change(what=_FEATURE, before=False, after=True))
    today = server.outlook_anywhere()
    wanted = OutlookAnywhere(external_host=cutover.source.outlook_anywhere_host, authentication="Basic")
    if today != wanted:
        before = today.model_dump() if today else None
        preview.changes.append(Change(what=_SETTINGS, before=before, after=wanted.model_dump()))
    return preview


@look
def check(cutover: Cutover) -> Preview:
    """Today's settings against host name and Basic authentication, which is what Microsoft's service uses."""
    preview = _preview(cutover)
    if is_direct(cutover):
        return preview
    before_enabling = bool(preview.changes)  # until then the RPC proxy is expected to say no
    for one in _analysis(cutover).walk():
        expected = before_enabling and one.name.startswith(_NEEDS_OUTLOOK_ANYWHERE)
        if one.children or expected or one.status not in ("failed", "warning"):
            continue
        bad = one.status == "failed"
        means = "Microsoft refuses it." if bad else "Microsoft may stumble over it."
        preview.findings.append(Finding(subject=one.name, seen=one.seen, means=means, todo=one.todo, blocks=bad))
    return preview


@change
def apply(cutover: Cutover, approved: str | None = None) -> Receipt:
    """Set them through the server's own shell."""
    return act(
        cutover,
        lambda: _preview(cutover),
        lambda preview: _make(cutover, {one.what: one.after for one in preview.changes}),
        approved=approved,
    )


@make_sure
def verify(cutover: Cutover) -> Evidence:
    """Connect as Microsoft does. Exchange takes up to an hour to obey, so that this may be NotYet for long."""
    if is_direct(cutover):
        return witness(cutover, NAME, ["not needed: the plan has Mailmove copy the mailboxes itself"])
    steps = _analysis(cutover)
    for failed in steps.failures:
        raise NotYet(cutover.source.outlook_anywhere_host, wanted=failed.name, seen=failed.seen, todo=failed.todo)
    return witness(cutover, NAME, [f"{step.name}: {step.seen}" for step in steps.walk() if not step.children])


@put_back
def rollback(cutover: Cutover, receipt: Receipt) -> Receipt:
    """Set what stood there before; not enabled before means disabled again."""
    return undo(receipt, lambda: _differing(cutover, receipt), lambda: _put_back(cutover, receipt))


def _make(cutover: Cutover, values: dict[str, Any]) -> None:
    """The feature first: without it Exchange has nothing to set."""
    if _FEATURE in values:
        _feature(cutover).set_rpc_proxy_feature(bool(values[_FEATURE]))
    if _SETTINGS in values:
        value = values[_SETTINGS]
        source_server(cutover).set_outlook_anywhere(OutlookAnywhere.model_validate(value) if value else None)


def _put_back(cutover: Cutover, receipt: Receipt) -> None:
    """The settings first, then the feature under them."""
    for one in sorted(_differing(cutover, receipt), key=lambda one: one.what == _FEATURE):
        _make(cutover, {one.what: one.before})


def _feature(cutover: Cutover) -> HasRpcProxyFeature:
    server = source_server(cutover)
    assert isinstance(server, HasRpcProxyFeature), "it was looked at before"
    return server


def _differing(cutover: Cutover, receipt: Receipt) -> list[Change]:
    today = source_server(cutover).outlook_anywhere()
    now: dict[str, Any] = {_SETTINGS: today.model_dump() if today else None}
    if any(one.what == _FEATURE for one in receipt.changes):
        now[_FEATURE] = _feature(cutover).rpc_proxy_feature()
    return [one for one in receipt.changes if one.before != now.get(one.what)]


def _analysis(cutover: Cutover) -> Step:
    # Here, because the analysis brings lxml, cryptography and NTLM with it, which few runs need.
    from mailmove.outlook_anywhere import check_server, fetch_issuer

    server, host = source_server(cutover), cutover.source.outlook_anywhere_host
    held = server.inventory()
    return check_server(
        host,
        addresses=addresses_of(cutover, host),
        port=cutover.source.https_port,
        credentials=server.migration_account(),
        extra_ca=server.trusted_ca(),
        server_name_inside=held.server,
        mailbox=next((box.address for box in held.moving), None),
        covers=[f"autodiscover.{domain}" for domain in cutover.domains],
        fetch=fetch_issuer,
    )
