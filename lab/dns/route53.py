"""Amazon's APIs (Route 53 and EC2) by moto on loopback, with what moto forgives and AWS does not.

A change of record sets reaches the name servers when its GetChange says INSYNC, `insync_delay` seconds later.
Each server has a moto account of its own, so that towns never share zones.
"""

from __future__ import annotations

import itertools
import random
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.route53.models import route53_backends
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from lab import faults as lab_faults
from lab.dns.change_batch import Change, Faulty, apply, check, parse, to_rrsets, upsert
from lab.dns.oddities import typed
from lab.dns.zone_data import ZoneData
from lab.faults import Faults
from mailmove.records import RRset

lab_faults.declare(
    route53_throttled="Route 53 answers 400 Throttling",
    route53_server_error="Route 53 answers 500",
    route53_denied="Route 53 answers 403 AccessDenied to changes: the key may only read",
    route53_change_lost="Route 53 makes a change, but its answer is a 500",
    route53_stuck="GetChange stays PENDING",
)

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"
_CHANGE_SETS = re.compile(r"^/2013-04-01/hostedzone/([A-Z0-9]+)/rrset/?$")
_GET_CHANGE = re.compile(r"^/2013-04-01/change/(.+)$")


class AwsServer:
    """`with AwsServer(address, faults) as aws:` serves `aws.endpoint_url` (http) on a free port.

    Route 53 takes only `access_key_id`; EC2 takes any. Signatures are not checked.
    """

    def __init__(self, address: str, faults: Faults, *, zones: ZoneData | None = None, insync_delay: float = 0.0):
        self._address, self._faults, self._zones, self._delay = address, faults, zones, insync_delay
        self.account_id = f"{random.randrange(10**12):012d}"
        self.access_key_id, self.secret_access_key, self.region = "AKIALABTOWN000000001", uuid4().hex, "eu-west-1"
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._names: dict[str, str] = {}  # hosted zone id -> name of the zone it feeds
        self._due: dict[str, float] = {}  # change id -> monotonic time of INSYNC
        self._pending: list[tuple[str, str, list[RRset]]] = []
        self._numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._stopping = threading.Event()

    def __enter__(self) -> AwsServer:
        self._server = make_server(self._address, 0, self._serve, threaded=True, request_handler=_Quiet)
        self.endpoint_url = f"http://{self._address}:{self._server.server_port}"
        self._threads = [
            threading.Thread(target=self._server.serve_forever, args=(0.25,), name="lab-aws", daemon=True),
            threading.Thread(target=self._mirror, name="lab-aws-mirror", daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join(timeout=10)
        for zone_id in list(self._names):
            self._backend.zones.pop(zone_id, None)

    @property
    def _backend(self) -> Any:
        return route53_backends[self.account_id]["aws"]

    def add_zone(self, name: str, rrsets: Iterable[RRset]) -> str:
        """Make a hosted zone that holds these sets and feeds the served zone of that name; returns its id."""
        with self._lock:
            zone = self._backend.create_hosted_zone(name, private_zone=False)
            sets = [record_set for record_set in rrsets if record_set.type != "SOA"]
            apply([self._typed(upsert(record_set)) for record_set in sets], zone)
            self._names[zone.resource_id] = name
            return str(zone.resource_id)

    def put(self, zone_id: str, rrsets: Iterable[RRset]) -> None:
        """Set record sets as another administrator does, INSYNC at once."""
        with self._lock:
            zone = self._backend.zones[zone_id]
            apply([self._typed(upsert(record_set)) for record_set in rrsets], zone)
            if self._zones:
                self._zones.replace(self._names[zone_id], to_rrsets(zone))

    def _typed(self, change: Change) -> Change:
        """A change as somebody typed it into the console."""
        if not self._faults.take("route53.other_spelling"):
            return change
        return replace(change, values=tuple(typed(change.type, value) for value in change.values))

    def _mirror(self) -> None:
        """Bring each change to the name servers when its time has come."""
        while not self._stopping.wait(0.02 if self._pending else 0.1):
            with self._lock:
                due = [each for each in self._pending if self._due[each[0]] <= time.monotonic()]
                for _, name, rrsets in due:
                    if self._zones:
                        self._zones.replace(name, rrsets)
                self._pending = [each for each in self._pending if each not in due]

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.account_id
        path = str(environ.get("PATH_INFO", ""))
        application: Wsgi = self._route53 if path.startswith("/2013-04-01/") else self._moto
        return application(environ, start_response)

    def _route53(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        try:
            self._admit(request)
            if change := _GET_CHANGE.match(request.path):
                return self._get_change(change[1])(environ, start_response)
            if request.method == "POST" and (sets := _CHANGE_SETS.match(request.path)):
                return self._change_sets(request, sets[1])(environ, start_response)
        except Faulty as fault:
            return _error(fault)(environ, start_response)
        return self._moto(environ, start_response)  # type: ignore[no-any-return]

    def _admit(self, request: Request) -> None:
        if self._faults.take("route53.throttled"):
            raise Faulty(400, "Throttling", "Rate exceeded")
        if self._faults.take("route53.server_error"):
            raise Faulty(500, "InternalFailure", "We encountered an internal error. Please try again.")
        if f"Credential={self.access_key_id}/" not in request.headers.get("Authorization", ""):
            raise Faulty(403, "InvalidClientTokenId", "The security token included in the request is invalid.")

    def _change_sets(self, request: Request, zone_id: str) -> Response:
        if self._faults.take("route53.denied"):
            raise Faulty(403, "AccessDenied", "not authorized to perform: route53:ChangeResourceRecordSets")
        changes = parse(request.get_data())
        with self._lock:
            zone = self._backend.zones.get(zone_id)
            if zone is None:
                raise Faulty(404, "NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}")
            check(changes, zone)
            apply(changes, zone)  # not by moto: it judges by its journal, not by what the zone holds
            change_id = f"C{next(self._numbers):013d}LAB"
            self._due[change_id] = time.monotonic() + self._delay
            if zone_id in self._names:
                self._pending.append((change_id, self._names[zone_id], to_rrsets(zone)))
        if self._faults.take("route53.change_lost"):
            raise Faulty(500, "InternalFailure", "We encountered an internal error. Please try again.")
        return _changed("ChangeResourceRecordSetsResponse", change_id, "PENDING")

    def _get_change(self, change_id: str) -> Response:
        if change_id not in self._due:
            raise Faulty(404, "NoSuchChange", f"A change with id {change_id} was not found.")
        with self._lock:
            waiting = any(each[0] == change_id for each in self._pending)
        waiting = waiting or time.monotonic() < self._due[change_id] or self._faults.take("route53.stuck")
        return _changed("GetChangeResponse", change_id, "PENDING" if waiting else "INSYNC")


class _Quiet(MotoRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Write no log: tests and the rehearsal have their own."""


def _changed(kind: str, change_id: str, status: str) -> Response:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    info = f"<Id>/change/{change_id}</Id><Status>{status}</Status><SubmittedAt>{now}</SubmittedAt>"
    return _xml(200, f'<{kind} xmlns="{_NAMESPACE}"><ChangeInfo>{info}</ChangeInfo></{kind}>')


def _error(fault: Faulty) -> Response:
    body = f"<Error><Type>Sender</Type><Code>{fault.code}</Code><Message>{escape(fault.message)}</Message></Error>"
    return _xml(fault.status, f'<ErrorResponse xmlns="{_NAMESPACE}">{body}<RequestId>lab</RequestId></ErrorResponse>')


def _xml(status: int, body: str) -> Response:
    return Response(f'<?xml version="1.0"?>\n{body}', status=status, mimetype="text/xml")
