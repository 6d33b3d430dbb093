"""Blocks in a plan: listed in the form, named in a file, and never more than a name."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.notifications import AbstractAppriseNotificationBlock, AppriseNotificationBlock
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools.validation import validate
from pydantic import BaseModel, TypeAdapter, ValidationError

from blocks import ALL_BLOCKS
from blocks.approver import Approver
from flows.cutover import cutover
from mailmove.plan.block_refs import AUTHORITY, DNS, EXCHANGE, FIREWALL, NOTICE, PARTNER, TENANT, BlockRef, Lists
from mailmove.ports import CertificateAuthority, DnsProvider, Firewall, Partner, SourceServer, Tenant

ID = {"$ref": {"block_document_id": "3f0e2a52-8c6e-4c3a-9e0c-0d8f6f4d1f11"}}


@pytest.mark.parametrize(
    ("lists", "port"),
    [
        (EXCHANGE, SourceServer),
        (DNS, DnsProvider),
        (TENANT, Tenant),
        (PARTNER, Partner),
        (AUTHORITY, CertificateAuthority),
        (FIREWALL, Firewall),
    ],
)
def test_the_form_offers_every_type_of_block_that_would_do(lists: Lists, port: type) -> None:
    assert set(lists.types) == {one.get_block_type_slug() for one in ALL_BLOCKS if issubclass(one, port)}


def test_the_form_offers_every_notification_block() -> None:
    abstract = {NotificationBlock, AbstractAppriseNotificationBlock, AppriseNotificationBlock}
    known = {one.get_block_type_slug() for one in kinds_of(NotificationBlock) if one not in abstract}
    assert set(NOTICE.types) == known


def kinds_of(kind: type[Any]) -> set[type[Any]]:
    """Those of Prefect and of this project; what a test elsewhere makes up is not meant."""
    found = {one for one in kind.__subclasses__() if one.__module__.startswith(("prefect.", "blocks."))}
    return found.union(*(kinds_of(one) for one in found))


def dns(provider: Any) -> list[str]:
    """What Prefect's form says of it, by the validation that it asks its server for."""
    schema = parameter_schema(cutover).model_dump()["definitions"]["Dns"]
    return [error.message for error in validate({"provider": provider}, schema)]


def test_the_form_takes_a_choice_and_a_name_and_refuses_the_rest_with_words() -> None:
    assert dns(ID) == []
    assert dns("route53/contoso") == []
    assert dns("contoso") == ["'contoso' does not match '^[a-z0-9-]+/[a-z0-9-]+$'"]
    assert dns({}) != [] and dns(None) != []


def test_a_block_becomes_its_name_and_nothing_else_of_it_is_kept() -> None:
    reference: TypeAdapter[str] = TypeAdapter(BlockRef)
    block = Approver(public_key="A" * 43 + "=")
    with pytest.raises(ValidationError, match="choose one from the list"):
        reference.validate_python(block)  # never saved: it has no name
    block._block_document_name = "anna"
    assert reference.validate_python(block) == "approver/anna"
    assert reference.validate_python("approver/anna") == "approver/anna"
    for wrong in (ID, 7, None, ["approver/anna"]):
        with pytest.raises(ValidationError, match="write `type/name`"):
            reference.validate_python(wrong)


def test_a_dumped_plan_part_holds_names() -> None:
    class Part(BaseModel):
        block: BlockRef

    block = Approver(public_key="A" * 43 + "=")
    block._block_document_name = "anna"
    assert Part(block=block).model_dump() == {"block": "approver/anna"}  # type: ignore[arg-type]  # a form sends it
