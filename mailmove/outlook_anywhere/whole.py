"""The whole analysis: all tests of Microsoft's Remote Connectivity Analyzer that concern a cutover, in one tree."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import dns.exception
import dns.resolver
from pydantic import SecretStr

from mailmove.errors import MailmoveError
from mailmove.evidence import Finding
from mailmove.outlook_anywhere.analyzer import check_server
from mailmove.outlook_anywhere.autodiscover import Names, Settings, autodiscover_steps
from mailmove.outlook_anywhere.inbound_smtp import inbound_steps
from mailmove.outlook_anywhere.password_rule import PasswordRule
from mailmove.outlook_anywhere.rpc_http import Account
from mailmove.outlook_anywhere.steps import Deadline, Step, StepResult, group, skipped, step, step_of

PART, EACH = 9.0, 3.0
"""Seconds that a part of the analysis may take, and each act in it."""


def system_names(resolver: Any = None) -> Names:
    """Name look-ups by this machine's own resolvers, or by a `dns.resolver.Resolver`."""
    asking = resolver or dns.resolver.Resolver()
    asking.lifetime = min(asking.lifetime, EACH)

    def addresses(host: str) -> list[str]:
        with contextlib.suppress(ValueError):
            import ipaddress

            return [str(ipaddress.ip_address(host))]
        resolved: list[str] = []
        for kind in ("A", "AAAA"):
            try:
                resolved += [str(record) for record in asking.resolve(f"{host.rstrip('.')}.", kind)]
            except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
                continue
            except dns.exception.DNSException as error:
                raise OSError(f"no resolver answers for {host} ({type(error).__name__})") from None
        return resolved

    def srv(name: str) -> tuple[str, int] | None:
        try:
            records = sorted(
                asking.resolve(f"{name.rstrip('.')}.", "SRV"), key=lambda record: (record.priority, -record.weight)
            )
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        except dns.exception.DNSException as error:
            raise OSError(f"no resolver answers for {name} ({type(error).__name__})") from None
        return str(records[0].target).rstrip("."), int(records[0].port)

    return Names(addresses, srv)


def analyze(
    host: str,
    *,
    credentials: tuple[str, SecretStr] | None = None,
    mailbox: str | None = None,
    domain: str | None = None,
    server_name_inside: str | None = None,
    smtp_host: str | None = None,
    smtp_port: int = 25,
    extra_ca: str | None = None,
    names: Names | None = None,
    fetch: Callable[[str], bytes] | None = None,
    send_to: Sequence[str] = (),
    old_tls: Sequence[str] = (),
    ask: Callable[[str], bool] | None = None,
    rights: Callable[[], Sequence[Finding]] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Step:
    """Analyze one server: Autodiscover, DNS, Outlook Anywhere, EWS rights, inbound mail.

    Takes about half a minute at most; failures are steps, not exceptions. Nothing is changed, no mail is sent.
    credentials: (user name, password) of the migration account; None: what needs one is skipped.
    mailbox: SMTP address to ask Autodiscover and the address book for; None: the user name, if it is one.
    domain: mail domain; None: that of `mailbox`, else the host's name without its first label.
    server_name_inside: None: from Autodiscover.
    send_to, old_tls, ask: see `PasswordRule`: who else may be sent the password, over what TLS, and who is asked.
    fetch: gets an issuer's certificate where the server's own says; None: nothing is fetched.
    smtp_host: None: `host`. rights: signs in to EWS and opens every mailbox; each missing right is a finding.
    """
    names = names or system_names()
    if extra_ca and not names.extra_ca:
        names = Names(names.addresses, names.srv, names.https_port, names.http_port, extra_ca)
    account = Account(*credentials) if credentials else None
    mailbox = mailbox or (credentials[0] if credentials and "@" in credentials[0] else None)
    domain = domain or (mailbox or host.partition(".")[2]).rpartition("@")[2]
    rule = PasswordRule(host, domain, frozenset(send_to), frozenset(old_tls), ask)
    settings_read: list[Settings] = []

    def autodiscover() -> Step:
        if account is None or mailbox is None:
            return skipped("Autodiscover", "no account and mailbox were given")
        tree, settings = autodiscover_steps(names, mailbox, account, lambda: Deadline(1.5 * EACH, EACH), rule)
        settings_read.append(settings)
        return tree

    def outlook_anywhere() -> Step:
        inside = server_name_inside or (settings_read[0].server if settings_read else "")
        resolved, addresses = _resolved(names, host)
        checked = check_server(
            host,
            addresses=addresses,
            port=names.https_port,
            credentials=credentials if inside else None,
            extra_ca=extra_ca,
            server_name_inside=inside or host.partition(".")[0],
            mailbox=mailbox,
            covers=[f"autodiscover.{domain}"],
            fetch=fetch,
            rule=rule,
            now=now,
            seconds=PART,
            seconds_each=EACH,
        )
        return group("Outlook Anywhere", [resolved, checked] if addresses else [resolved])

    def inbound() -> Step:
        resolved, addresses = _resolved(names, smtp_host or host)
        if not addresses:
            return group("Inbound mail", [resolved])
        return inbound_steps(smtp_host or host, addresses, smtp_port, mailbox, lambda: Deadline(PART, EACH))

    with ThreadPoolExecutor(3) as pool:
        mail = pool.submit(inbound)
        ews = pool.submit(lambda: _rights(rights))
        parts = [autodiscover(), outlook_anywhere()]
        return group(f"Connectivity of {host}", [*parts, ews.result(), mail.result()])


def _resolved(names: Names, host: str) -> tuple[Step, list[str]]:
    addresses: list[str] = []

    def resolve() -> StepResult:
        addresses.extend(names.addresses(host))
        if addresses:
            return StepResult("ok", f"{host} is {', '.join(addresses)}")
        todo = "Make an A record for it, pointing at the customer's public address."
        return StepResult("failed", f"{host} has no address", todo, f"Host {host} couldn't be resolved in DNS.")

    return step(f"DNS name {host}", resolve), addresses


def _rights(rights: Callable[[], Sequence[Finding]] | None) -> Step:
    """Check the migration account at EWS: one step if every right is there, else one for each finding."""
    name = "Rights on every mailbox (EWS)"
    if rights is None:
        return skipped(name, "no account with an EWS address was given")
    try:
        findings = rights()
    except MailmoveError as error:
        return step_of(name, StepResult("failed", f"{error.who}: {error.seen}", error.todo))
    if not findings:
        return step_of(name, StepResult("ok", "the account signs in, and opens every mailbox that is to be moved"))
    return group(
        name,
        [
            step_of(
                finding.subject,
                StepResult("failed" if finding.blocks else "warning", f"{finding.seen}. {finding.means}", finding.todo),
            )
            for finding in findings
        ],
    )
