"""Domains of a tenant, by Microsoft Graph v1.0 (learn.microsoft.com/graph/api/resources/domain), and by Exchange."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from pydantic import ValidationError

from blocks.microsoft365.answers import NO_USER, Json, Rejected, damaged
from blocks.microsoft365.exchange_admin import ExchangeAdmin
from blocks.microsoft365.fields import flag, number, number_or, text, text_or, texts, unreadable
from blocks.microsoft365.http import JsonClient
from blocks.retry_budget import read_thrice
from mailmove.errors import Blocked, Drifted, NotYet
from mailmove.ports.tenant import TenantDomains
from mailmove.records import RRset
from mailmove.tenant_state import Domain, DomainHolder

WHO = "Microsoft Graph"
_TTL = 3600  # seconds, where Graph names none
ELSEWHERE = "DomainInAnotherTenant"
"""Our name for a refusal that Graph has sentences for only."""


_WRITABLE = {"Email", "OfficeCommunicationsOnline", "Yammer"}
"""Services that may be written (graph/api/domain-update); others show themselves among them, and are refused."""


class Domains(TenantDomains):
    """holder: who has a domain, by Microsoft's public answer."""

    def __init__(self, graph: JsonClient, exchange: ExchangeAdmin, holder: Callable[[str], DomainHolder]) -> None:
        self._graph, self._exchange, self._holder = graph, exchange, holder

    def get(self, name: str) -> Domain | None:
        """The domain with the records that Microsoft asks for; None: not added."""
        entry = self._entry(name)
        return None if entry is None else self._complete(entry)

    def add(self, name: str) -> Domain:
        domain = self.get(name)
        if domain is not None:
            return domain
        try:
            self._graph.call("POST", "domains", wanted=f"the domain {name} added", json={"id": name})
        except (Rejected, Drifted) as error:
            # Graph says 400 or 409 when the name is taken, here (an answer got lost) or in another tenant.
            domain = self.get(name)
            if domain is not None:
                return domain
            raise Blocked(
                WHO,
                wanted=f"the domain {name} added",
                seen=error.seen,
                todo=self._elsewhere(name),
            ) from None
        return self._back(name)

    def verify(self, name: str) -> Domain:
        """NotYet: Microsoft does not see the TXT record yet. Blocked: another tenant holds the domain."""
        domain = self._must(name)
        if domain.verified:
            return domain
        try:
            self._graph.call("POST", f"{_path(name)}/verify", wanted=f"{name} verified", code_of=verification_code)
        except (Rejected, Drifted) as error:
            if error.code == ELSEWHERE:
                raise Blocked(WHO, wanted=f"{name} verified", seen=error.seen, todo=self._elsewhere(name)) from None
            raise NotYet(
                WHO,
                wanted=f"{name} verified by {domain.verification[0] if domain.verification else 'its TXT record'}",
                seen=error.seen,
                todo="Microsoft looks again when asked; DNS may need some minutes.",
            ) from None
        after = self._back(name)
        if not after.verified:
            raise NotYet(
                WHO, wanted=f"{name} verified", seen="it still says unverified", todo="Look again in a minute."
            )
        return after

    def enable_mail(self, name: str) -> Domain:
        """Add Email to the domain's services; the others stay. NotYet: no MX record is offered yet."""
        domain = self._must(name)
        if not domain.mail_enabled:
            services = [
                service for service in texts(self._entry(name) or {}, "supportedServices") if service in _WRITABLE
            ]
            self._graph.call(
                "PATCH",
                _path(name),
                wanted=f"mail service for {name}",
                json={"supportedServices": [*services, "Email"]},
            )
            domain = self._back(name)
        if not domain.mail_enabled or not any(rrset.type == "MX" for rrset in domain.service_records):
            raise NotYet(
                WHO, wanted=f"mail service for {name}", seen="no MX record offered yet", todo="Look again in a minute."
            )
        return domain

    def accepts_mail(self, name: str) -> bool:
        domains = self._exchange.run("Get-AcceptedDomain", wanted="the domains that Exchange takes mail for")
        return name.rstrip(".").lower() in {_accepted(domain) for domain in domains}

    def holder(self, name: str) -> DomainHolder:
        return self._holder(name)

    def remove(self, name: str) -> None:
        """Blocked: users, groups or applications still use it."""
        if self._entry(name) is None:
            return
        try:
            self._graph.call("DELETE", _path(name), wanted=f"the domain {name} removed")
        except (Rejected, Drifted) as error:
            if error.code not in NO_USER:
                raise Blocked(
                    WHO,
                    wanted=f"the domain {name} removed",
                    seen=error.seen,
                    todo="Give users and groups other addresses first.",
                ) from None
        if self._entry(name) is not None:
            raise NotYet(WHO, wanted=f"the domain {name} removed", seen="it is still there", todo="Look again.")

    def _elsewhere(self, name: str) -> str:
        holder = self._holder(name)
        return f"{holder.words()}. {holder.todo() or 'Have it removed from the other tenant first.'}"

    def _entry(self, name: str) -> Json | None:
        try:
            return self._graph.get(_path(name), wanted=f"the domain {name}")
        except Rejected as error:
            if error.code in NO_USER:
                return None
            raise

    def _must(self, name: str) -> Domain:
        domain = read_thrice(lambda: self.get(name), self._graph.sleep)
        if domain is None:
            raise Blocked(WHO, wanted=f"the domain {name}", seen="no such domain", todo="Add it to the tenant first.")
        return domain

    def _back(self, name: str) -> Domain:
        domain = self.get(name)
        if domain is None:
            raise NotYet(
                WHO, wanted=f"the domain {name}", seen="404 after it was added", todo="Look again in a minute."
            )
        return domain

    def _complete(self, entry: Json) -> Domain:
        name = text(entry, "id")
        verified = flag(entry, "isVerified")
        enabled = "Email" in texts(entry, "supportedServices")
        return Domain(
            name=name,
            verified=verified,
            mail_enabled=enabled,
            verification=() if verified else self._records(name, "verificationDnsRecords", {"TXT"}),
            service_records=self._records(name, "serviceConfigurationRecords") if verified and enabled else (),
        )

    def _records(self, name: str, kind: str, types: set[str] | None = None) -> tuple[RRset, ...]:
        records = self._graph.pages(f"{_path(name)}/{kind}", wanted=f"the DNS records that {name} needs")
        rrsets: dict[tuple[str, str], RRset] = {}
        for record in records:
            rrset = rrset_of(record, name)
            # A domain with Teams has records of other services too; they are not ours to change.
            if rrset is None or (types and rrset.type not in types) or (not types and not _is_mail(record)):
                continue
            other = rrsets.get(rrset.key)
            rrsets[rrset.key] = rrset.model_copy(update={"values": _joined(other, rrset)}) if other else rrset
        return tuple(rrsets[key] for key in sorted(rrsets))


def _accepted(row: Json) -> str:
    """An accepted domain's name: as text, or as the object that PowerShell has ({"Domain": ...})."""
    name = row.get("DomainName")
    return text(name if isinstance(name, dict) else row, "Domain" if isinstance(name, dict) else "DomainName").lower()


def rrset_of(record: Json, domain: str) -> RRset | None:
    """One domainDnsRecord as a record set; None: a type that mail does not need, or one that Graph cannot show."""
    kind = (
        text_or(record, "@odata.type").rpartition(".")[2] or f"domainDns{text(record, 'recordType').capitalize()}Record"
    )
    match kind:
        case "domainDnsMxRecord":
            rrtype, value = "MX", f"{number(record, 'preference')} {_absolute(text(record, 'mailExchange'))}"
        case "domainDnsTxtRecord":
            rrtype, value = "TXT", txt_value(text(record, "text"))
        case "domainDnsCnameRecord":
            rrtype, value = "CNAME", _absolute(text(record, "canonicalName"))
        case _:
            return None
    try:
        return RRset(name=owner_name(record, domain), type=rrtype, ttl=number_or(record, "ttl", _TTL), values=(value,))
    except ValidationError:
        raise damaged(
            WHO, f"the DNS records that {domain} needs", f"a record that DNS cannot hold: {dict(record)}"[:200]
        ) from None


def owner_name(record: Json, domain: str) -> str:
    """The absolute owner name of a record.

    Unverified: Microsoft's examples give `label` as the whole name (`autodiscover.contoso.com`); `@` and a name
    relative to the domain are understood too.
    """
    label = text_or(record, "label", "@").lower().rstrip(".") or "@"
    if label == "@" or label == domain.lower():
        return f"{domain}."
    return f"{label}." if label.endswith(f".{domain.lower()}") else f"{label}.{domain}."


def txt_value(words: str) -> str:
    """TXT RDATA in presentation format: quoted strings of at most 255 bytes (RFC 1035 sections 3.3 and 5.1)."""
    data = words.encode("utf-8", "surrogatepass")
    chunks = [data[at : at + 255] for at in range(0, len(data), 255)] or [b""]
    return " ".join(f'"{_escaped(chunk)}"' for chunk in chunks)


def _escaped(chunk: bytes) -> str:
    return "".join(
        f"\\{chr(byte)}" if byte in b'"\\' else chr(byte) if 32 <= byte < 127 else f"\\{byte:03}" for byte in chunk
    )


def verification_code(code: str, words: str) -> str | None:
    """ELSEWHERE: another tenant holds the domain. None: DNS is not so far yet.

    Unverified: no page lists the errors of POST /domains/{id}/verify, so its sentences are read here.
    """
    words = f"{code}: {words}".lower()
    elsewhere = any(part in words for part in ("objectconflict", "another", "already verified", "other tenant"))
    return ELSEWHERE if elsewhere else None


def _is_mail(record: Json) -> bool:
    """supportedService is always there; null is one of its values (graph/api/resources/domaindnsrecord)."""
    if "supportedService" not in record:
        raise unreadable(record, "supportedService")
    return record["supportedService"] is not None and text(record, "supportedService") == "Email"


def _joined(first: RRset, second: RRset) -> tuple[str, ...]:
    return tuple(sorted({*first.values, *second.values}))


def _absolute(name: str) -> str:
    return f"{name.rstrip('.').lower()}."


def _path(name: str) -> str:
    return f"domains/{quote(name.rstrip('.').lower(), safe='')}"
