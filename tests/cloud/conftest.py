"""A town with Microsoft's cloud in it, a name server of twenty lines, and a client that speaks plain HTTP."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import dns.flags
import dns.message
import dns.rrset
import httpx
import msal
import pytest
import requests

from lab.authority import Authority
from lab.cloud.cloud import Cloud
from lab.cloud.login import EXCHANGE, GRAPH
from lab.company import Company, make_company
from lab.faults import Faults
from lab.mail_store import Mailbox
from lab.places import Places


@dataclass
class StubDns:
    """Answers what it is told, by UDP."""

    address: tuple[str, int]
    records: dict[tuple[str, str], str] = field(default_factory=dict)

    def __enter__(self) -> StubDns:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(0.1)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                wire, peer = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            query = dns.message.from_wire(wire)
            answer = dns.message.make_response(query)
            answer.flags |= dns.flags.RA
            asked = query.question[0]
            kind = asked.rdtype.name
            values = self.records.get((asked.name.to_text().lower(), kind))
            if values:
                answer.answer.append(dns.rrset.from_text(asked.name, 5, "IN", kind, values))
            self._socket.sendto(answer.to_wire(), peer)


@dataclass
class Town:
    places: Places
    authority: Authority
    faults: Faults
    dns: StubDns
    company: Company
    cloud: Cloud
    http: httpx.Client
    directory: list[Mailbox]
    ca_file: str
    sessions: list[requests.Session] = field(default_factory=list)
    app: msal.ConfidentialClientApplication | None = None

    def msal_app(self, tenant: str, client_id: str, credential: Any) -> msal.ConfidentialClientApplication:
        session = requests.Session()
        session.trust_env = False
        session.verify = self.ca_file
        self.sessions.append(session)
        return msal.ConfidentialClientApplication(
            client_id,
            client_credential=credential,
            authority=f"{self.cloud.base_url}/{tenant}",
            instance_discovery=False,
            http_client=session,
        )

    def token(self, resource: str = GRAPH) -> str:
        if self.app is None:
            self.app = self.msal_app(self.cloud.tenant_id, self.cloud.app.client_id, self.cloud.app.secret)
        return str(self.app.acquire_token_for_client([resource + "/.default"])["access_token"])

    def graph(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        head = {"Authorization": f"Bearer {token or self.token()}", **more.pop("headers", {})}
        url = path if path.startswith("https:") else f"/v1.0{path}"
        return self.http.request(method, url, headers=head, **more)

    def cmdlet(self, name: str, query: str = "", headers: dict[str, str] | None = None, **given: Any) -> httpx.Response:
        tenant = self.cloud.tenant_id
        head = {
            "Authorization": f"Bearer {self.token(EXCHANGE)}",
            "X-CmdletName": name,
            "X-AnchorMailbox": f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{tenant}",
            **(headers or {}),
        }
        body = {"CmdletInput": {"CmdletName": name, "Parameters": given}}
        return self.http.post(f"/adminapi/beta/{tenant}/InvokeCommand{query}", json=body, headers=head)

    def ready_domain(self, name: str = "northwind.example") -> None:
        """Add, prove and enable a domain."""
        assert self.graph("POST", "/domains", json={"id": name}).status_code == 201
        self.dns.records[name + ".", "TXT"] = self.cloud.tenant.domains[name].txt
        assert self.graph("POST", f"/domains/{name}/verify").status_code == 200
        assert self.graph("PATCH", f"/domains/{name}", json={"supportedServices": ["Email"]}).status_code == 204

    def provision(self, *addresses: str) -> None:
        """Users with mailboxes, without a batch."""
        for address in addresses:
            user = self.cloud.tenant.add_user(address, address, "test")
            user.has_mailbox = True
            self.cloud.store.add_mailbox(Mailbox(address, address))


def wait_for(wanted: Callable[[], Any], seconds: float = 30) -> Any:
    """What `wanted` returns once it is true; fails at the deadline."""
    deadline = time.monotonic() + seconds
    while not (value := wanted()):
        assert time.monotonic() < deadline, f"waited {seconds} s; last saw {value!r}"
        time.sleep(0.05)
    return value


@pytest.fixture
def until() -> Callable[..., Any]:
    return wait_for


@pytest.fixture
def town(tmp_path: Any) -> Iterator[Town]:
    places, authority, faults = Places(), Authority(), Faults()
    company = make_company(users=5, shared=1, public_folders=1, messages=400)
    directory = list(company.mailboxes)
    resolver = (places.resolver(0), places.dns_port)
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.pem)
    context = ssl.create_default_context(cadata=authority.pem)
    with (
        StubDns(resolver) as names,
        Cloud(
            places,
            authority,
            resolver=resolver,
            mx_zone="mx.cloud.example",
            directory=lambda: directory,
            faults=faults,
            cycle_seconds=1.0,
        ) as cloud,
        httpx.Client(base_url=cloud.base_url, verify=context, trust_env=False, timeout=30) as http,
    ):
        made = Town(places, authority, faults, names, company, cloud, http, directory, str(ca))
        yield made
        for session in made.sessions:  # so that the server need not wait for them
            session.close()
