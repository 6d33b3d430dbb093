"""Open the blocks that a plan names. Secrets live in them, and die with the task that opened them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from prefect.blocks.core import Block

from blocks import block_class
from mailmove.errors import Blocked
from mailmove.evidence import Finding
from mailmove.plan.cutover import Cutover
from mailmove.plan.required_permissions import unneeded
from mailmove.ports import CertificateAuthority, Checkable, DnsProvider, Firewall, Partner, SourceServer, Tenant

Port = TypeVar("Port")

_opened: ContextVar[dict[str, Any] | None] = ContextVar("opened", default=None)


@contextmanager
def each_opened_once() -> Iterator[None]:
    """Within, a block is read from the server once, and signs in once; at the end it is forgotten."""
    before = _opened.set({})
    try:
        yield
    finally:
        _opened.reset(before)


def open_block(reference: str, port: type[Port]) -> Port:
    """The block `type/name`. Blocked: there is none, or it is no such port."""
    known = _opened.get()
    block = known.get(reference) if known else None
    if block is None:
        block = _load(reference)
    if not isinstance(block, port):
        raise Blocked(
            "Prefect",
            wanted=f"a block that is a {port.__name__}",
            seen=f"{reference}, which is a {type(block).__name__}",
            todo="Name another block in the plan.",
        )
    if known is not None:
        known[reference] = block
    return block


def _load(reference: str) -> Any:
    slug, _, name = reference.partition("/")
    ours = block_class(slug)
    try:
        # A class of its own loads nothing but itself; `Block.load` imports every Prefect collection that is installed.
        return ours.load(name) if ours else Block.load(reference)
    except ValueError as error:
        raise Blocked(
            "Prefect",
            wanted=f"the block {reference}",
            seen="no such block",
            todo="Save it under that name, or mend the plan.",
        ) from error


def dns_provider(cutover: Cutover) -> DnsProvider:
    return open_block(cutover.dns.provider, DnsProvider)  # type: ignore[type-abstract]


def source_server(cutover: Cutover) -> SourceServer:
    return open_block(cutover.source.server, SourceServer)  # type: ignore[type-abstract]


def tenant(cutover: Cutover) -> Tenant:
    return open_block(cutover.target.tenant, Tenant)  # type: ignore[type-abstract]


def partner(cutover: Cutover) -> Partner | None:
    return open_block(cutover.target.partner, Partner) if cutover.target.partner else None  # type: ignore[type-abstract]


def firewall(cutover: Cutover) -> Firewall:
    return open_block(cutover.firewall.gateway, Firewall)  # type: ignore[type-abstract]


def certificate_authority(cutover: Cutover) -> CertificateAuthority | None:
    """None: the plan leaves the server's certificate alone."""
    reference = cutover.source.obtain_certificate
    return open_block(reference, CertificateAuthority) if reference else None  # type: ignore[type-abstract]


def amiss(cutover: Cutover, block: object) -> list[Finding]:
    """What a block finds amiss, of what this plan needs; nothing is changed."""
    found, spare = block.findings() if isinstance(block, Checkable) else [], unneeded(cutover)
    return [one for one in found if one.subject not in spare]
