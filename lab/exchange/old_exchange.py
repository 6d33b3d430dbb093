"""The customer's old server, whole: mail store, EWS, Autodiscover, SMTP in, remote PowerShell, Outlook Anywhere."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from lab.authority import Authority
from lab.company import Company
from lab.exchange import windows_firewall
from lab.exchange.autodiscover import Autodiscover
from lab.exchange.ews.server import Ews
from lab.exchange.owa import owa
from lab.exchange.powershell.certificate_cmdlets import show_on_https
from lab.exchange.powershell.remote_shell import RemoteShell
from lab.exchange.rpc_proxy import RpcProxy
from lab.exchange.smtp_in import SmtpIn
from lab.exchange.state import ExchangeState
from lab.exchange.web import ExchangeWeb
from lab.faults import Faults, declare
from lab.mail_store import MailStore
from lab.places import Places

declare(
    exchange_expired_certificate="its HTTPS certificate ran out yesterday (looked at once, when it starts)",
    exchange_german="its Windows is German (looked at once, when it starts)",
    exchange_french="its Windows is French (looked at once, when it starts)",
    exchange_japanese="its Windows is Japanese (looked at once, when it starts)",
)
_LANGUAGES = {"exchange.german": "de-DE", "exchange.french": "fr-FR", "exchange.japanese": "ja-JP"}


class OldExchange:
    """`with OldExchange(places, authority, company, faults) as exchange:` and the server runs.

    version: "8.3.83.6" is 2007 SP3 (SBS 2008), "14.3.123.4" 2010 SP3, "15.0.847.32" 2013 SP1, "15.1.2507.6" 2016.
    culture: language and formats of its Windows, by .NET's name ("de-DE"). domain_types: accepted domain -> its type.
    HTTPS is on `places.old_server`, SMTP on `places.old_server_inside` (and behind the gateway, with PROXY headers, on
    `places.host(23)`).
    """

    def __init__(
        self,
        places: Places,
        authority: Authority,
        company: Company,
        faults: Faults,
        *,
        version: str = "8.3.83.6",
        culture: str = "en-US",
        domain_types: dict[str, str] | None = None,
    ) -> None:
        self.state = ExchangeState(
            store=MailStore(replace(box, items=dict(box.items)) for box in company.mailboxes),
            accounts=dict(company.accounts),
            admin=company.admin,
            domains=company.domains,
            version=version,
            directory=company.directory,
            culture=next((spoken for fault, spoken in _LANGUAGES.items() if faults.take(fault)), culture),
            domain_types=dict(domain_types or {}),
            faults=faults,
        )
        domain = company.domains[0]
        names = [places.old_server, f"mail.{domain}", f"autodiscover.{domain}", *company.domains, "sbs2008.local"]
        leaf = authority.issue(*names, expired=faults.take("exchange.expired_certificate"))
        base = f"https://{places.old_server}:{places.https_port}"
        self.ews_url, self.shell_url = f"{base}/EWS/Exchange.asmx", f"{base}/powershell"
        self.web = ExchangeWeb(places.old_server, places.https_port, None)
        chain = "".join(pem.bytes().decode() for pem in leaf.cert_chain_pems)
        show_on_https(self.state, self.web.show, chain, leaf.private_key_pem.bytes().decode())
        self.web.route("/ews/", Ews(self.state, faults).serve)
        self.web.route("/autodiscover/", Autodiscover(self.state, faults, self.ews_url).serve)
        shell = RemoteShell(self.state, faults)
        self.web.route("/powershell", shell.serve)
        self.web.route("/wsman", shell.serve)
        self.web.route("/owa", owa(version))
        self.web.route("/rpc/", RpcProxy(self.state, faults).serve)
        self._smtp_port = places.smtp_port
        self._smtp = [
            SmtpIn(self.state, faults, places.old_server_inside, places.smtp_port),
            SmtpIn(self.state, faults, places.host(23), places.smtp_port, proxied=True),
        ]
        self._running = ExitStack()

    @property
    def store(self) -> MailStore:
        return self.state.store

    @property
    def firewall_lets_in(self) -> bool:
        """Whether the Windows Firewall of the server lets mail in."""
        return windows_firewall.lets_in(self.state, self._smtp_port)

    def picture(self) -> dict[str, Any]:
        """Every setting of the server, without mail."""
        return self.state.picture()

    def __enter__(self) -> Self:
        with ExitStack() as starting:  # what has started is stopped again if the next part cannot start
            starting.enter_context(self.web)
            for smtp in self._smtp:
                starting.enter_context(smtp)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()
