"""Microsoft Graph v1.0: authorises a call, checks it against the contract, and passes it to the part that plays it."""

from __future__ import annotations

from lab.cloud.batching import MailboxConcurrency, answer_batch
from lab.cloud.contract import GraphContract
from lab.cloud.errors import ApiError
from lab.cloud.graph import applications as graph_applications
from lab.cloud.graph import delta as graph_delta
from lab.cloud.graph import domains as graph_domains
from lab.cloud.graph import import_session as graph_import
from lab.cloud.graph import mail as graph_mail
from lab.cloud.graph import partner as graph_partner
from lab.cloud.graph import users as graph_users
from lab.cloud.graph import writing as graph_writing
from lab.cloud.graph.domains import Domains
from lab.cloud.graph.sign_in_rules import SignInRules
from lab.cloud.login import GRAPH, Login, permitted
from lab.cloud.tenant import Tenant
from lab.cloud.wire import Call, Reply, Routes
from lab.faults import Faults, declare

declare(
    graph_throttled="Graph answers 429 with Retry-After",
    graph_unavailable="Graph answers 503",
    graph_claims="Graph revokes the token and answers 401 with a claims challenge",
    graph_truncated="Graph's answer ends in the middle",
    graph_lost_answer="Graph does all that a batch asks for, then answers 504",
    graph_batch_throttled="Graph answers 429 to one request inside a batch",
)


class Graph:
    def __init__(self, tenant: Tenant, login: Login, faults: Faults, domains: Domains) -> None:
        self.tenant, self.login, self.faults = tenant, login, faults
        self._contract = GraphContract()
        self._routes = Routes()
        graph_domains.add_routes(self._routes, domains)
        graph_users.add_routes(self._routes, tenant, faults)
        SignInRules(tenant, faults).add_routes(self._routes)
        graph_applications.add_routes(self._routes, login.app)
        graph_mail.add_routes(self._routes, tenant, faults)
        graph_delta.add_routes(self._routes, tenant, faults)
        graph_writing.add_routes(self._routes, tenant, faults)
        self.concurrency = MailboxConcurrency()
        self.importing = graph_import.add_routes(self._routes, tenant, faults, self.concurrency)
        graph_partner.add_routes(self._routes, tenant, {login.partner.group})

    def serve(self, call: Call) -> Reply:
        if self.faults.take("graph.unavailable"):
            raise ApiError(503, "serviceNotAvailable", "The service is temporarily unavailable.")
        if self.faults.take("graph.throttled"):
            raise ApiError(429, "TooManyRequests", "Please retry again later.", headers={"Retry-After": "1"})
        challenge = self.faults.take("graph.claims")
        call.claims = self.login.admit(call.headers.get("authorization", ""), GRAPH, challenge=challenge)
        if call.path == "/$batch":
            reply = answer_batch(call, self._one_of_batch)
            if self.faults.take("graph.lost_answer"):
                raise ApiError(504, "GatewayTimeout", "The gateway did not receive a response in time.")
            return reply
        with self.concurrency.of(call.segments):
            return self._answer(call)

    def _one_of_batch(self, call: Call, crowd: int) -> Reply:
        if self.faults.take("graph.batch_throttled"):
            raise ApiError(429, "TooManyRequests", "Please retry again later.", headers={"Retry-After": "1"})
        with self.concurrency.of(call.segments, crowd=crowd):
            return self._answer(call)

    def _answer(self, call: Call) -> Reply:
        try:
            self._contract.check(call.method, call.segments, call.query, call.body)
        except ApiError as error:
            self.tenant.made_up.append(f"{call.method} {call.path}: {error.message}")
            raise
        self.tenant.provision()
        route, arguments = self._routes.find(call.method, call.path)
        permitted(call.claims, *route.permissions)
        in_customer = call.claims["tid"] == self.tenant.id
        if in_customer == call.segments[0].startswith("tenantRelationships"):
            # Relationships live with the partner; everything else here lives with the customer.
            raise ApiError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        reply = route.handler(call, **arguments)
        self.tenant.note(call.method, call.path, reply.status)
        return reply
