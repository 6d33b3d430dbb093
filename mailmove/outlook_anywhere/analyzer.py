"""The connectivity analyzer: tries each step by which Microsoft's service connects to an old server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from pydantic import SecretStr

from mailmove.outlook_anywhere import rpc_http, tls
from mailmove.outlook_anywhere.certificate import certificate_steps
from mailmove.outlook_anywhere.chain import Fetcher, given_roots, public_roots
from mailmove.outlook_anywhere.endpoints import endpoint_steps
from mailmove.outlook_anywhere.password_rule import MODERN, PasswordRule
from mailmove.outlook_anywhere.rpc_http import Account, RpcReply, Scheme
from mailmove.outlook_anywhere.steps import Deadline, Step, StepResult, group, skipped, step, step_of

_ENABLE = (
    "Enable Outlook Anywhere (Exchange 2007 and 2010: Enable-OutlookAnywhere; the Windows feature RPC over HTTP Proxy "
    "must be installed). A change may take up to an hour to work."
)
_BASIC = (
    "Set it to Basic: Set-OutlookAnywhere ... -ClientAuthenticationMethod Basic (2007, 2010) or "
    "-ExternalClientAuthenticationMethod Basic (2013 and later), with Basic in -IISAuthenticationMethods."
)


def check_server(
    host: str,
    *,
    addresses: Sequence[str],
    port: int = 443,
    credentials: tuple[str, SecretStr] | None = None,
    extra_ca: str | None = None,
    server_name_inside: str,
    mailbox: str | None = None,
    covers: Sequence[str] = (),
    fetch: Fetcher | None = None,
    rule: PasswordRule | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    seconds: float = 9.0,
    seconds_each: float = 3.0,
) -> Step:
    """Try Outlook Anywhere on every address of `host`; at most `seconds` in all. Failures are steps, not exceptions.

    host:      public name of Outlook Anywhere, as it must stand in the certificate.
    addresses: what the name resolves to; the service may use any of them, so all must work.
    credentials: (user name, password) of the migration account; sent only to a server that has proved its name.
    extra_ca:  PEM of a root to trust besides the public ones.
    server_name_inside: the Exchange server's own name, as the RPC proxy knows it ("SBS2008"), or
        "<mailbox guid>@contoso.com" from Exchange 2013 on.
    mailbox:   SMTP address to look up in the address book; None: the account's own.
    covers, fetch: see `certificate_steps`. rule: whether the password may go over an old TLS; None: never.
    """
    title = f"Outlook Anywhere of {host}"
    if not addresses:
        todo = "Make an A record for it, pointing at the customer's public address."
        return Step(name=title, status="failed", seen="the name has no address", todo=todo)
    deadline = Deadline(seconds, seconds_each)
    account = Account(*credentials) if credentials else None
    allowed = rule or PasswordRule(host)

    def judged(shown: Sequence[bytes]) -> Step:
        roots = [*public_roots(), *(given_roots(extra_ca))]
        return certificate_steps(shown, host, roots, now(), covers=covers, fetch=fetch)

    return group(
        title,
        [
            _address(
                tls.Dial(host, address, port, extra_ca, deadline), account, server_name_inside, mailbox, judged, allowed
            )
            for address in addresses
        ],
    )


def check_certificate(
    host: str,
    *,
    addresses: Sequence[str],
    port: int = 443,
    extra_ca: str | None = None,
    covers: Sequence[str] = (),
    fetch: Fetcher | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    seconds: float = 9.0,
) -> Step:
    """Check only the certificate that each address shows for `host`; arguments as of `check_server`."""
    deadline = Deadline(seconds, seconds / 3)
    roots = [*public_roots(), *(given_roots(extra_ca))]
    steps = []
    for address in addresses:
        shown: list[tls.Shown] = []

        def handshake(dial: tls.Dial, shown: list[tls.Shown]) -> StepResult:
            outcome, hello = tls.handshake(dial)
            shown.append(hello)
            return outcome

        dial = tls.Dial(host, address, port, extra_ca, deadline)
        steps.append(step(f"TLS at {address}", partial(handshake, dial, shown)))
        if not steps[-1].failed and shown:
            steps.append(certificate_steps(shown[0].chain, host, roots, now(), covers=covers, fetch=fetch))
    return group(f"Certificate of {host}", steps)


def _address(
    dial: tls.Dial,
    account: Account | None,
    inside: str,
    mailbox: str | None,
    judged: Callable[[Sequence[bytes]], Step],
    rule: PasswordRule,
) -> Step:
    title = f"At {dial.address}"
    names = [
        f"TCP port {dial.port}",
        "TLS",
        "Certificate",
        "Client certificate",
        "HTTP authentication",
        "RPC endpoints",
    ]
    connected = step(names[0], lambda: tls.tcp(dial))
    steps = [connected]

    def stop(why: str) -> Step:
        return group(title, [*steps, *(skipped(name, why) for name in names[len(steps) :])])

    if connected.failed:
        return stop("no connection")
    shown: list[tls.Shown] = []

    def handshake() -> StepResult:
        outcome, hello = tls.handshake(dial)
        shown.append(hello)
        return outcome

    secured = step(names[1], handshake)
    steps.append(secured)
    if secured.failed or not shown:
        return stop("no TLS")
    old = shown[0].version not in MODERN
    certificate = judged(shown[0].chain)
    steps.append(certificate)
    steps.append(step(names[3], lambda: tls.client_certificate(shown[0])))
    offered: list[RpcReply] = []

    def ask() -> StepResult:
        offered.append(rpc_http.methods(dial, f"{inside}:6001"))
        return _methods(offered[0], insists=shown[0].asks_client)

    asked = step(names[4], ask)
    steps.append(asked)
    why = _no_ping(certificate, asked, account)
    if why or account is None:
        return stop(why)
    why, todo = dial.deadline.while_a_person_thinks(lambda: rule.why_not(dial.host, shown[0].version))
    if why:
        return group(title, [*steps, step_of("Password", StepResult("warning", why, todo)), skipped(names[-1], why)])
    schemes = _schemes(offered[0])
    for scheme in schemes:
        best = scheme == schemes[0]
        steps.append(
            endpoint_steps(dial, inside, account, scheme, old=old, mailbox=mailbox, recommended=best)
            if best or not _signed_out(steps[-1])
            else skipped(f"RPC endpoints, signing in by {scheme}", "more tries might lock the account")
        )
    return group(title, steps)


def _schemes(answer: RpcReply) -> list[Scheme]:
    """Authentication schemes that Microsoft's service can use, the recommended first."""
    offered = {scheme.lower() for scheme in answer.schemes}
    known: tuple[Scheme, ...] = ("Basic", "NTLM")
    return [scheme for scheme in known if scheme.lower() in offered]


def _signed_out(steps: Step) -> bool:
    return any(attempt.http_status == 401 for attempt in steps.walk())


def _methods(answer: RpcReply, *, insists: bool) -> StepResult:
    listed = ", ".join(answer.schemes) or "nothing"
    if answer.status == 404:
        return StepResult(
            "failed", f"{answer.status_line} on {rpc_http.PATH}: Outlook Anywhere is not enabled", _ENABLE
        )
    if answer.status == 403 and (insists or "certificate" in answer.reason.lower()):
        return StepResult(
            "failed", f"{answer.status_line}: the server demands a client certificate", tls.NO_CLIENT_CERTIFICATE
        )
    if answer.status == 403:
        todo = "Look for IP restrictions, client certificates or Require SSL on the Rpc virtual directory in IIS."
        return StepResult("failed", answer.status_line, todo)
    if 300 <= answer.status < 400:
        todo = "Take the HTTP redirect off the Rpc virtual directory in IIS: RPC over HTTP cannot follow one."
        return StepResult("failed", f"{answer.status_line}: a redirect to {answer.location or 'nowhere'}", todo)
    if answer.status >= 500:
        todo = (
            "Start the application pool of the Rpc virtual directory. Exchange 2010 SP3: raise requestQueueLimit in "
            "machine.config from 25000 to 65535 (KB2832198)."
        )
        return StepResult("failed", answer.status_line, todo)
    if answer.status != 401:
        todo = "Something else than the RPC proxy of Exchange answers there; check the firewall's forwarding."
        return StepResult("failed", f"{answer.status_line}; a request for credentials (401) was expected", todo)
    schemes = _schemes(answer)
    if "Basic" in schemes:
        return StepResult("ok", f"the RPC proxy offers {listed}")
    if schemes:
        why = f"the RPC proxy offers {listed}, not Basic, which Microsoft recommends for migration (KB2903050)"
        return StepResult("warning", why, _BASIC)
    why = f"the RPC proxy offers {listed}; Microsoft's migration service signs in by Basic or NTLM only"
    text = "We weren't able to connect to the remote server ... (MigrationTransientException)"
    return StepResult("failed", why, _BASIC, text)


def _no_ping(certificate: Step, methods: Step, account: Account | None) -> str:
    """Reason why the RPC endpoints are not tried; empty: they are tried."""
    if certificate.failed:
        return "the password is not sent to a server with a bad certificate"
    if methods.failed:
        return "the RPC proxy cannot be signed in to"
    if account is None:
        return "no account was given"
    return ""
