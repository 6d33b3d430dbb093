"""An old server, its DNS and the hosts around it, into which traps are planted one after the other.

Each trap has a domain of its own, so that no resolver remembers the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from fake_blocks import DNS, SOURCE, a_plan
from memory_engine import MemoryEngine
from pydantic import SecretStr

from blocks.dns.rfc2136 import Rfc2136
from blocks.exchange.exchange_server import ExchangeServer
from lab.authority import Authority
from lab.company import Company
from lab.directory import Directory, ReceiveConnector, Relay, SendConnector
from lab.dns.loop import LoopThread
from lab.dns.resolver import HONEST
from lab.dns.town_dns import TownDns
from lab.dns.zone_data import rrset
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.mail.mail_host import MailHost
from lab.mail_store import Mailbox, MailStore
from lab.places import Places, free_ports
from mailmove.evidence import Finding
from mailmove.records import RRset
from tasks.engine.current import running_on
from tasks.preflight.inventory import Inventoried, check_inventory

ADMIN = "administrator@streets.example"
PROVIDERS = [
    "pphosted.com",
    "outlook.com",
    "kundenserver.de",
    "dyndns.org",
    "elsewhere.example",
    "t-ipconnect.de",
    "mimecast.com",
]
"""Zones of others, in which traps plant hosts."""


@dataclass
class Trap:
    """What is planted. domain: the plan's; `{d}` in records, names and addresses stands for it.

    records: (name, type, values); an MX of the domain replaces the good one. at: (number of a host, its mail host).
    boxes: mailboxes, address -> aliases. domains: accepted ones beside the plan's -> type. plan: `source` of the plan.
    """

    code: str
    domain: str
    subject: str = ""
    blocks: bool = False
    shows: str = ""
    records: list[tuple[str, str, list[str]]] = field(default_factory=list)
    pointers: dict[int, str] = field(default_factory=dict)
    at: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    boxes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)
    kind: str = "Authoritative"
    directory: Directory = field(default_factory=Directory)
    plan: dict[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()


GOOD_DIRECTORY = Directory(
    send_connectors=(SendConnector("Windows SBS Internet Send SBS2008"),),
    receive_connectors=(
        ReceiveConnector("Default SBS2008", permission_groups=("ExchangeServers",)),
        ReceiveConnector("Windows SBS Internet Receive SBS2008"),
    ),
)


class StreetWorld:
    """`plant(trap)`, then `preflight()`."""

    def __init__(
        self, places: Places, old: OldExchange, dns: TownDns, loop: LoopThread, blocks: dict[str, Any]
    ) -> None:
        self.places, self.old, self.dns, self.loop, self.blocks = places, old, dns, loop, blocks
        self.other_ports = list(free_ports(2))
        self.hosts = ExitStack()

    def address(self, number: int) -> str:
        return self.places.host(number)

    @contextmanager
    def planted(self, trap: Trap) -> Iterator[list[Finding]]:
        """Findings of preflight while the trap is there."""
        state, domain = self.old.state, trap.domain
        state.domains = (domain, *(self._named(name, trap) for name in trap.domains))
        state.domain_types = {domain: trap.kind} | {
            self._named(name, trap): kind for name, kind in trap.domains.items()
        }
        boxes = {f"anna@{domain}": (), f"ben@{domain}": ()} | {
            self._named(address, trap): tuple(self._named(alias, trap) for alias in aliases)
            for address, aliases in trap.boxes.items()
        }
        state.store = MailStore(
            Mailbox(address, address.partition("@")[0], aliases=aliases, legacy_exchange_dn=f"/o=s/cn={address}")
            for address, aliases in boxes.items()
        )
        state.names = (-1, {})
        directory = trap.directory
        state.directory = Directory(
            **{
                name: getattr(directory, name) or getattr(GOOD_DIRECTORY, name)
                for name in directory.__dataclass_fields__
            }
        )
        state.__post_init__()
        self._zone(trap)
        with ExitStack() as hosts:
            for number, name, how in trap.at:
                port = how.get("port")
                where = self.places.smtp_port if port is None else self.other_ports[port]
                options = {key: value for key, value in how.items() if key != "port"}
                if "takes" in options:
                    options["takes"] = [self._named(entry, trap) for entry in options["takes"]]
                host = MailHost(self.address(number), where, name=self._named(name, trap), loop=self.loop, **options)
                hosts.enter_context(host)
            yield self.preflight(trap)

    def preflight(self, trap: Trap) -> list[Finding]:
        source = {"outlook_anywhere_host": f"mail.{trap.domain}", "smtp_host": f"mail.{trap.domain}", **trap.plan}
        source = {key: self._named(value, trap) if isinstance(value, str) else value for key, value in source.items()}
        plan = a_plan(
            source=source,
            propagation={"resolvers": self.dns.resolver_addresses, "dns_port": self.places.dns_port},
            sweep={"smtp_port": self.places.smtp_port, "other_smtp_ports": self.other_ports},
        ).model_copy(update={"domains": [trap.domain, *(self._named(name, trap) for name in trap.names)]})
        with running_on(MemoryEngine(blocks=self.blocks)):
            inventoried: Inventoried = check_inventory.fn(plan)
        return [*inventoried.preview.findings, *inventoried.streets.findings]

    def _zone(self, trap: Trap) -> None:
        domain = trap.domain
        good = {
            (domain, "MX"): [f"10 mail.{domain}."],
            (f"mail.{domain}", "A"): [self.places.old_server_inside],
        }
        planted = {(self._named(name, trap), rtype): values for name, rtype, values in trap.records}
        sets = {key: rrset(key[0], key[1], 60, *(self._named(value, trap) for value in values))
                for key, values in (good | planted).items() if values}  # fmt: skip
        zones: dict[str, list[RRset]] = {domain: []}
        zones |= {self._named(name, trap): [] for name in (*trap.domains, *trap.names)}
        for (name, _), record_set in sets.items():
            zone = max((zone for zone in (*zones, *PROVIDERS) if f".{name}".endswith(f".{zone}")), key=len)
            # A zone of its own for each host of others: a secondary has a new zone at once, a change a moment later.
            zones.setdefault(name if zone in PROVIDERS else zone, []).append(record_set)
        for zone, record_sets in zones.items():
            self.dns.add_zone(zone, record_sets)
        for number, name in trap.pointers.items():
            reverse = ".".join(reversed(self.address(number).split("."))) + ".in-addr.arpa"
            self.dns.add_zone(reverse, [rrset(reverse, "PTR", 60, self._named(name, trap))])

    def _named(self, text: str, trap: Trap) -> str:
        text = text.replace("{d}", trap.domain).replace("{s}", self.places.old_server_inside)
        for number in (22, *range(60, 76)):
            text = text.replace(f"{{{number}}}", self.address(number))
        return text


@contextmanager
def street_world(version: str = "8.3.83.6") -> Iterator[StreetWorld]:
    """Exchange 2007 unless told; its port 25 is on `places.old_server_inside`."""
    places, authority, faults = Places(), Authority(), Faults()
    company = Company(("streets.example",), (), {ADMIN: "lab-Adm1n"}, ADMIN, GOOD_DIRECTORY)
    with ExitStack() as running:
        dns = running.enter_context(
            TownDns(places, kind="rfc2136", zones={"streets.example": []}, resolvers=[HONEST], faults=faults)
        )
        for zone in (*PROVIDERS, "in-addr.arpa", "ip6.arpa"):
            dns.add_zone(zone, [])
        old = running.enter_context(OldExchange(places, authority, company, faults, version=version))
        winrm = old.state.major < 14
        server = ExchangeServer(
            ews_url=old.ews_url,
            username=ADMIN,
            password=SecretStr(old.state.accounts[ADMIN]),
            shell_url=old.shell_url.replace("/powershell", "/wsman") if winrm else old.shell_url,
            shell_kind="winrm" if winrm else "exchange",
            extra_ca=authority.pem,
        )
        key = dns.tsig_key
        zones = Rfc2136(
            server=places.name_servers[0],
            port=places.dns_port,
            key_name=key.name,
            key_secret=SecretStr(key.secret),
            algorithm=key.algorithm,
            timeout_seconds=2,
        )
        loop = running.enter_context(LoopThread())
        yield StreetWorld(places, old, dns, loop, {SOURCE: server, DNS: zones})


def fetched(
    client: str, count: int = 12, source: str = "SMTP", host: str = "SBS2008", to: str = ""
) -> tuple[Relay, ...]:
    """Mail of strangers that a client hands in."""
    return tuple(
        Relay(client, f"eva@sender{number}.example", host, (5 + number,), (to,) if to else (), source)
        for number in range(count)
    )
