"""Look at everything that a night needs of this machine and of the server; each trouble with what to do."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import prefect
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.settings import PREFECT_HOME

from deployments.cli.block.work import load_block, saved_blocks
from deployments.cli.doctor.checks import Check
from deployments.cli.doctor.server import (
    POOL,
    live_workers,
    missing_deployments,
    server_trouble,
    server_url,
    version_at,
)
from deployments.cli.output import mailmove_version
from mailmove.dns.client.answer import Answer
from mailmove.dns.client.bulk_query import DnsQuestion, ask_many
from mailmove.dns.client.interference import interference
from mailmove.dns.client.query import Server
from mailmove.errors import BadPlan, MailmoveError
from mailmove.evidence import Finding
from mailmove.plan.cutover import Cutover, Propagation
from mailmove.plan.values import split_address

_LEAST_DISK, _LITTLE_DISK = 1.0, 5.0
"""GB free below which a comparison of mailboxes does not fit; below which it may not."""
_SKEW_SECONDS = 5.0
"""Seconds that two clocks may differ: a code lives for a minute, and forecasts are counted in seconds."""
_RESOLVERS = 6
"""Public resolvers that are asked about port 53, the first of as many operators."""


def examine(plan: Cutover | None, resolvers: Sequence[str] | None) -> list[Check]:
    """Every check, whatever the one before gave; nothing is changed. BadPlan: a resolver that is no address."""
    try:
        servers = [split_address(address, 53) for address in resolvers] if resolvers else None
    except ValueError as error:
        todo = "Write 1.1.1.1 or 127.0.0.1:5353."
        raise BadPlan("--resolver", wanted="addresses", seen=str(error), todo=todo) from None
    checks = [_versions(), _disk(Path(str(PREFECT_HOME.value()))), *_port_53(servers)]
    trouble = server_trouble()
    if trouble:
        checks.append(Check(what="server", state="bad", seen=trouble[0], todo=trouble[1]))
        later = ("worker", "deployments", "clock", "blocks")
        return [*checks, *(Check(what=what, state="doubtful", seen="not looked at: no server") for what in later)]
    with get_client(sync_client=True) as client:
        checks += [_server(client), _worker(client), _deployments(client), _clock(client)]
    return [*checks, *_blocks(plan)]


def _versions() -> Check:
    python = ".".join(map(str, sys.version_info[:3]))
    seen = f"{mailmove_version()}, Prefect {prefect.__version__}, Python {python}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check(what="versions", state="bad", seen=seen, todo="Install Python 3.11, 3.12 or 3.13.")
    return Check(what="versions", state="good", seen=seen)


def _disk(home: Path) -> Check:
    place = next(folder for folder in (home, *home.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free / 1e9
    state, todo = "good", ""
    if free < _LITTLE_DISK:
        state = "bad" if free < _LEAST_DISK else "doubtful"
        todo = "Make room, or set PREFECT_HOME to a larger disk: lists of items are compared there."
    return Check.model_validate(
        {"what": "disk", "state": state, "seen": f"{free:.1f} GB free at {place}", "todo": todo}
    )


def _port_53(servers: Sequence[Server] | None) -> list[Check]:
    asked = list(servers) if servers else [(address, 53) for address in Propagation().resolvers[:_RESOLVERS]]
    findings, answers = asyncio.run(_asked_about_port_53(asked))
    bad = [
        Check(what="port 53", state="bad", seen=f"{finding.subject}: {finding.seen}", todo=finding.todo)
        for finding in findings
    ]
    deniers = [answer.server for answer in answers if answer.rcode == "NXDOMAIN"]
    if deniers:
        seen = f"{', '.join(deniers)}: not even the root of the DNS exists, it says (NXDOMAIN)"
        todo = "This network answers DNS itself. Let questions to public resolvers out (UDP and TCP, port 53)."
        bad.append(Check(what="port 53", state="bad", seen=seen, todo=todo))
    silent = [answer.server for answer in answers if answer.rcode is None]
    if len(silent) == len(asked):
        todo = "Let DNS to public resolvers out (UDP and TCP, port 53): propagation is measured there."
        bad.append(Check(what="port 53", state="bad", seen=f"no answer from {', '.join(silent)}", todo=todo))
    elif silent and not bad:
        return [Check(what="port 53", state="doubtful", seen=f"no answer from {', '.join(silent)}; others answer")]
    return bad or [Check(what="port 53", state="good", seen=f"no sign of interception, by {len(asked)} resolvers")]


async def _asked_about_port_53(servers: Sequence[Server]) -> tuple[list[Finding], list[Answer]]:
    """(signs of interception, an answer of each resolver: only from silence nothing follows)."""
    signs, answers = await asyncio.gather(
        interference(servers, "example.com."), ask_many([DnsQuestion(server, ".", "NS") for server in servers])
    )
    return signs, answers


def _server(client: SyncPrefectClient) -> Check:
    version, url = version_at(client), server_url()
    seen = f"{url}, Prefect {version}, {_named_by()}"
    if version.split(".")[:2] != prefect.__version__.split(".")[:2]:
        todo = "Run the same minor version of Prefect here and at the server."
        return Check(what="server", state="doubtful", seen=f"{seen}; here it is {prefect.__version__}", todo=todo)
    return Check(what="server", state="good", seen=seen)


def _named_by() -> str:
    return "named by PREFECT_API_URL" if os.environ.get("PREFECT_API_URL") else "named by the profile"


def _worker(client: SyncPrefectClient) -> Check:
    alive = live_workers(client)
    if alive is None:
        todo = "`mailmove up` makes the pool and a worker."
        return Check(what="worker", state="bad", seen=f"there is no work pool {POOL}", todo=todo)
    if not alive:
        todo = f"Start one: `prefect worker start --pool {POOL}`, or `mailmove up`."
        return Check(what="worker", state="bad", seen=f"none of the pool {POOL} is alive", todo=todo)
    return Check(what="worker", state="good", seen=f"alive: {', '.join(sorted(alive))}")


def _deployments(client: SyncPrefectClient) -> Check:
    missing = missing_deployments(client)
    if missing:
        todo = "`mailmove up` registers them; on a server of your own: `prefect --no-prompt deploy --all`."
        return Check(what="deployments", state="bad", seen=f"missing: {', '.join(missing)}", todo=todo)
    return Check(what="deployments", state="good", seen="all are registered")


def _clock(client: SyncPrefectClient) -> Check:
    """The server's clock against ours; the middle of the request is the time that its Date stands for."""
    begun, what = time.time(), "clock"
    try:
        answer = client.request("GET", "/health")
        theirs = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp() + 0.5
    except (httpx.HTTPError, ValueError):
        return Check(what=what, state="doubtful", seen="the server's answers bear no time")
    skew = theirs - (begun + time.time()) / 2
    seen = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC here; the server's is {skew:+.1f} s from it"
    if abs(skew) > _SKEW_SECONDS:
        return Check(what=what, state="bad", seen=seen, todo="Set both by NTP; `timedatectl set-ntp true` on Linux.")
    return Check(what=what, state="good", seen=seen)


def _blocks(plan: Cutover | None) -> list[Check]:
    from deployments.cli.init.evening import blocks_of

    named = blocks_of(plan) if plan else [row["block"] for row in saved_blocks()]
    if not named:
        todo = "`mailmove init DOMAIN` makes them, or `mailmove block add`."
        return [Check(what="blocks", state="doubtful", seen="none is saved", todo=todo)]
    return [_block(reference) for reference in named]


def _block(reference: str) -> Check:
    what = f"block {reference}"
    try:
        block: Block | None = load_block(reference)
    except MailmoveError as error:
        return Check(what=what, state="bad", seen=f"it does not open: {error.seen}", todo=error.todo)
    if block is None:
        return Check(what=what, state="bad", seen="no such block", todo=f"mailmove block add {reference}")
    return Check(what=what, state="good", seen="opens; `mailmove block test` signs in with it")
