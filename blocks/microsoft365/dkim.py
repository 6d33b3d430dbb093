"""DKIM signing of a domain's mail by Exchange Online (learn.microsoft.com: Get-/New-/Set-DkimSigningConfig)."""

from __future__ import annotations

from blocks.microsoft365.answers import Json, Rejected
from blocks.microsoft365.cmdlet_errors import CNAME_MISSING, NOT_CUSTOMIZED, WHO, is_absent
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import flag, text, text_or
from mailmove.errors import Blocked, NotYet
from mailmove.ports.tenant import TenantDkim
from mailmove.records import RRset

_TTL = 3600  # seconds; Microsoft names none


class Dkim(TenantDkim):
    def __init__(self, exchange: ExchangeAdmin) -> None:
        self._exchange = exchange

    def records(self, domain: str) -> tuple[RRset, ...]:
        """The CNAMEs of both selectors; (): the tenant has no signing configuration for the domain yet."""
        config = self._config(domain)
        return () if config is None else _records(domain, config)

    def prepare(self, domain: str) -> tuple[RRset, ...]:
        """Make the configuration, not signing, where there is none. There is no cmdlet that removes one."""
        if self._config(domain) is None:
            wanted = f"a DKIM configuration of {domain}"
            try:
                self._exchange.run(
                    "New-DkimSigningConfig", {"DomainName": domain, "Enabled": False, "KeySize": 2048}, wanted=wanted
                )
            except Rejected as error:
                if self._config(domain) is None:
                    raise _named(error, wanted) from None
        records = self.records(domain)
        if not records:
            raise NotYet(
                WHO, wanted=f"the DKIM records of {domain}", seen="none so far", todo="Look again in a minute."
            )
        return records

    def signing(self, domain: str) -> bool:
        config = self._config(domain)
        return config is not None and flag(config, "Enabled")

    def set_signing(self, domain: str, on: bool) -> None:
        """NotYet: Microsoft's resolvers do not see the CNAMEs. Blocked: nothing is prepared."""
        if self.signing(domain) == on:
            return
        wanted = f"mail of {domain} {'signed' if on else 'not signed'}"
        try:
            self._exchange.run("Set-DkimSigningConfig", {"Identity": domain, "Enabled": on}, wanted=wanted)
        except Rejected as error:
            if error.code == CNAME_MISSING:
                todo = "Microsoft looks again when asked."
                raise NotYet(WHO, wanted=wanted, seen=error.seen, todo=todo, code=error.code) from None
            raise _named(error, wanted) from None
        if self.signing(domain) != on:
            raise NotYet(WHO, wanted=wanted, seen="no change so far", todo="Look again in a minute.")

    def _config(self, domain: str) -> Json | None:
        try:
            configs = self._exchange.run(
                "Get-DkimSigningConfig", {"Identity": domain}, wanted=f"the DKIM configuration of {domain}"
            )
        except Rejected as error:
            if is_absent(error):
                return None
            raise
        for config in configs:
            text(config, "Domain")  # every configuration has it: what has none is a damaged row, not an empty one
            return config
        return None


def _records(domain: str, config: Json) -> tuple[RRset, ...]:
    """(): neither selector has a target yet; one alone is no answer.

    Unverified: names and targets as in Microsoft's "Set up DKIM", selector1 and selector2, targets as given.
    """
    name = domain.rstrip(".").lower()
    if not any(text_or(config, f"Selector{number}CNAME") for number in (1, 2)):
        return ()
    return tuple(
        RRset(
            name=f"selector{number}._domainkey.{name}.",
            type="CNAME",
            ttl=_TTL,
            values=(f"{text(config, f'Selector{number}CNAME').rstrip('.').lower()}.",),
        )
        for number in (1, 2)
    )


def _named(error: Rejected, wanted: str) -> Blocked:
    todo = "Read what it says; nothing was changed."
    if error.code == NOT_CUSTOMIZED:  # a new tenant whose settings have never been changed
        todo = "Run Enable-OrganizationCustomization once in this tenant (it takes up to an hour), then try again."
    return Blocked(WHO, wanted=wanted, seen=error.seen, todo=todo, code=error.code)
