"""Check the three RPC ports that a cutover migration needs through the proxy, and the address book's name check."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from mailmove.outlook_anywhere import nspi, rpc_http, rpc_pdu
from mailmove.outlook_anywhere.rpc_http import Account, ChannelRefused, RpcReply, Scheme, Virtual
from mailmove.outlook_anywhere.steps import Step, StepResult, Trouble, group, skipped, step
from mailmove.outlook_anywhere.tls import Dial

ENDPOINTS = {6001: "information store", 6002: "directory referral", 6004: "address book"}
"""Services by their port at the RPC proxy; a cutover migration needs all three."""
UNAVAILABLE = (
    "We weren't able to connect to the remote server ... Error 0x6ba (The RPC server is unavailable) from cli_NspiBind"
)
_PING = "Attempting to ping the MAPI endpoint with identity {target}: RPC_S_SERVER_UNAVAILABLE error (0x6ba)"
_VALID_PORTS = (
    "The proxy does not let this name and port through: add SERVER:6001-6002;SERVER:6004, with the server's short and "
    "full name, to ValidPorts in HKLM\\Software\\Microsoft\\Rpc\\RpcProxy."
)
_ACCOUNT = "Check name, password and lock-out of the account (as DOMAIN\\name, and as address). "
_PROXY = "Restart IIS; look at its log and at a reverse proxy in between, which must let RPC_IN_DATA through."
_SERVICES = {
    6001: "Start Microsoft Exchange Information Store (2013 and later: RPC Client Access, too).",
    6002: "Start Microsoft Exchange System Attendant (2010: Address Book; 2013 and later: RPC Client Access).",
    6004: "Start Microsoft Exchange System Attendant (2010: Address Book; 2013 and later: RPC Client Access); on 2007 "
    "a domain controller must listen on 6004 (NSPI interface protocol sequences in its registry).",
}


def endpoint_steps(
    dial: Dial, identity: str, account: Account, scheme: Scheme, *, old: bool, mailbox: str | None, recommended: bool
) -> Step:
    """Echo and bind on every port, then the name check, signing in to the proxy by one scheme.

    identity: server name before the port: "SBS2008", or "<mailbox guid>@contoso.com" from Exchange 2013 on.
    recommended: False: Microsoft will sign in by another scheme, so that failures here are warnings only.
    After HTTP 401 the rest is skipped: more attempts with a wrong password might lock the account.
    """
    refusals: list[str] = []

    def tried(name: str, attempt: Callable[[], StepResult]) -> Step:
        if refusals:
            return skipped(name, refusals[0])
        done = step(name, attempt)
        if done.failed and done.http_status == 401:
            refusals.append("the sign-in was refused once; more tries might lock the account")
        return done if recommended or not done.failed else done.model_copy(update={"status": "warning"})

    pings: list[Step] = []
    for port, what in ENDPOINTS.items():
        pings.append(_ping_steps(dial, f"{identity}:{port}", what, account, scheme, old, tried, bool(pings)))
    target = f"{identity}:6004"
    if any(ping.status != "ok" for ping in pings[-1].walk()):
        names = skipped(f"Address book name check ({scheme})", "the address book does not answer")
    else:
        names = tried(
            f"Address book name check ({scheme})",
            lambda: _with_channel(
                target,
                _connected(dial, target, account, scheme, old),
                lambda open_: _check_name(open_, dial, account, mailbox),
            ),
        )
    return group(f"RPC endpoints, signing in by {scheme}", [*pings, names])


def _ping_steps(
    dial: Dial,
    target: str,
    what: str,
    account: Account,
    scheme: Scheme,
    old: bool,
    tried: Callable[[str, Callable[[], StepResult]], Step],
    signed_in_before: bool,
) -> Step:
    port = int(target.rpartition(":")[2])
    proxy = tried(
        f"RPC proxy answers for {target} ({scheme})",
        lambda: _echo(rpc_http.echo(dial, target, account, scheme, old=old), target, signed_in_before),
    )
    name = f"RPC server behind {target} ({scheme})"
    if proxy.status != "ok":
        server = skipped(name, "the RPC proxy did not answer" if proxy.status != "skipped" else proxy.seen)
    else:
        server = tried(
            name,
            lambda: _with_channel(
                target, _connected(dial, target, account, scheme, old), lambda open_: _bind(open_, port, what)
            ),
        )
    return group(f"Ping {target} ({what})", [proxy, server])


def _connected(
    dial: Dial, target: str, account: Account, scheme: Scheme, old: bool
) -> Callable[[], AbstractContextManager[Virtual]]:
    return lambda: rpc_http.virtual(dial, target, account, scheme, old=old)


def _with_channel(
    target: str, connect: Callable[[], AbstractContextManager[Virtual]], use: Callable[[Virtual], StepResult]
) -> StepResult:
    """Open a virtual connection and use it; an HTTP status in its place becomes a failed result."""
    try:
        with connect() as opened:
            return use(opened)
    except ChannelRefused as turned:
        return _refused(turned.answer, target, f" (on the {turned.channel} channel)")


def _echo(answer: RpcReply, target: str, signed_in_before: bool) -> StepResult:
    if answer.status == 200 and rpc_pdu.is_echo(answer.body):
        return StepResult("ok", "the RPC proxy echoes")
    if answer.status == 200:
        return StepResult("failed", f"{answer.status_line} for {target}, but what came is no echo", _PROXY)
    if answer.status == 401 and signed_in_before:
        return StepResult(
            "failed", f"HTTP 401 for {target}, though the sign-in is right", _VALID_PORTS, http_status=401
        )
    return _refused(answer, target)


def _refused(answer: RpcReply, target: str, where: str = "") -> StepResult:
    port = int(target.rpartition(":")[2])
    if answer.status == 401:
        return StepResult(
            "failed", f"HTTP 401 for {target}: the sign-in is not accepted", _ACCOUNT + _VALID_PORTS, http_status=401
        )
    if answer.status == 503:
        cause = f"the RPC server is unavailable (0x6ba): the {ENDPOINTS[port]} does not listen. "
        return StepResult(
            "failed", f"{answer.status_line} for {target}{where}", cause + _SERVICES[port], _unavailable(port, target)
        )
    return StepResult("failed", f"{answer.status_line} for {target}{where}", _PROXY)


def _unavailable(port: int, target: str) -> str:
    return UNAVAILABLE if port == 6004 else _PING.format(target=target)


def _bind(opened: Virtual, port: int, what: str) -> StepResult:
    return _bound(opened.call(rpc_pdu.bind(port)), port, what)


def _bound(answer: bytes, port: int, what: str) -> StepResult:
    if not answer:
        why = "the RPC proxy connects, but no RPC server speaks: the channel is closed"
        todo = f"the RPC server is unavailable (0x6ba). {_SERVICES[port]}"
        return StepResult("failed", why, todo, UNAVAILABLE if port == 6004 else "")
    kind = answer[2]
    if kind == rpc_pdu.BIND_ACK and rpc_pdu.accepts(answer):
        return StepResult("ok", f"the {what} takes RPC connections")
    if kind == rpc_pdu.BIND_ACK:
        return StepResult("failed", f"an RPC server answers, but it is not the {what}", _SERVICES[port])
    if kind == rpc_pdu.BIND_NAK:
        return StepResult("failed", f"the {what} refuses the connection (BIND_NAK)", _SERVICES[port])
    if kind == rpc_pdu.FAULT:
        return StepResult("failed", f"the {what} answers with a fault: {rpc_pdu.fault_of(answer)}", _SERVICES[port])
    why = f"an answer to the bind was expected, a PDU of type {kind} came"
    return StepResult("failed", why, "Something between here and the RPC server changes what is sent; look there.")


def _check_name(opened: Virtual, dial: Dial, account: Account, mailbox: str | None) -> StepResult:
    """Resolve a name in the address book (NspiBind, NspiResolveNamesW), signed in and sealed as Outlook does."""
    bound = _bound(rpc_http.sign_in(opened, dial, account, 6004), 6004, ENDPOINTS[6004])
    if bound.status != "ok":
        return bound
    handle, error = nspi.read_bind(opened.request(nspi.BIND, nspi.bind_request()))
    if error:
        todo = "The account needs a mailbox and must not be hidden; look at its rights and at Set-CASMailbox -MAPI*."
        raise Trouble(f"NspiBind fails: {nspi.error_named(error)}", todo, UNAVAILABLE)
    wanted = mailbox or account.username.rpartition("\\")[2]
    resolved, error = nspi.read_resolved(opened.request(nspi.RESOLVE_NAMES_W, nspi.resolve_request(handle, wanted)))
    opened.request(nspi.UNBIND, nspi.unbind_request(handle))
    hidden = (
        f"Show it in the address lists (Set-Mailbox {wanted} -HiddenFromAddressListsEnabled $false) and run "
        "Update-GlobalAddressList: the native migration leaves out what the address book does not show."
    )
    if not error and resolved.outcome == "none" and mailbox is None:
        return StepResult("ok", f"the address book answers; it does not show the account {wanted} itself")
    if error or resolved.outcome == "none":
        reason = f"; {nspi.error_named(error)}" if error else ""
        text = "The name cannot be resolved. The name cannot be matched to a name in the address list."
        return StepResult("warning", f"the address book answers, but does not know {wanted}{reason}", hidden, text)
    if resolved.outcome == "several":
        todo = "Give a full SMTP address to look for; nothing is wrong with the server."
        return StepResult("warning", f"the address book knows several entries like {wanted}", todo)
    shown = (
        resolved.properties.get(nspi.DISPLAY_NAME)
        or resolved.properties.get(nspi.LEGACY_DN)
        or "an entry without a name"
    )
    return StepResult("ok", f"the address book finds {wanted}: {shown}")
