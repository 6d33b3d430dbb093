"""What Prefect asks of every block, and what we ask: secrets stay hidden, names are unique, every field is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from prefect.blocks.core import Block
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr

from blocks import ALL_BLOCKS, Approver, MailNotice, block_class
from mailmove.ports import CertificateAuthority, Checkable, DnsProvider, Firewall, Partner, SourceServer, Tenant

PORTS = (DnsProvider, SourceServer, Tenant, Partner, Firewall, CertificateAuthority)
PEOPLE = (Approver, MailNotice)
PLAIN = "n0body-may-read-this"


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=lambda block: block.__name__)
class TestEveryBlock(BlockStandardTestSuite):
    @pytest.fixture
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        return request.param  # type: ignore[no-any-return]

    # Prefect asks for both as a public http address, and Mailmove has none: a dead link is worse than no link.
    def test_has_a_documentation_url(self, block: type[Block]) -> None:
        assert "_documentation_url" not in vars(block), "it names none of its own"

    def test_has_a_valid_image(self, block: type[Block]) -> None:
        assert "_logo_url" not in vars(block), "it names none of its own"


def secrets_of(block: type[Block]) -> list[str]:
    return [name for name, field in block.model_fields.items() if "SecretStr" in str(field.annotation)]


def with_secrets(block: type[Block]) -> Block:
    """A block whose every secret is the same plain word, whatever else it asks for."""
    return block.model_construct(**dict.fromkeys(secrets_of(block), SecretStr(PLAIN)))


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=lambda block: block.__name__)
def test_secrets_stay_hidden(block: type[Block]) -> None:
    made = with_secrets(block)
    for name in secrets_of(block):
        assert getattr(made, name).get_secret_value() == PLAIN
    shown = [repr(made), str(made), f"{made!r:>10}", made.model_dump_json(warnings=False), str(dict(made))]
    assert not [text for text in shown if PLAIN in text]
    assert PLAIN not in json.dumps(made.model_dump(mode="json", warnings=False), default=str)


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=lambda block: block.__name__)
def test_what_sounds_like_a_secret_is_one(block: type[Block]) -> None:
    for name, field in block.model_fields.items():
        if any(word in name for word in ("secret", "password", "token")):
            assert "SecretStr" in str(field.annotation), name


@pytest.mark.parametrize("block", ALL_BLOCKS, ids=lambda block: block.__name__)
def test_the_form_hides_what_it_must(block: type[Block]) -> None:
    schema: dict[str, Any] = block.model_json_schema()
    assert set(secrets_of(block)) <= set(schema["secret_fields"]), "Prefect keeps these encrypted"
    for name in block.model_fields:
        assert schema["properties"][name].get("title") or "$ref" in str(schema["properties"][name])


def test_every_block_implements_a_port_and_can_be_checked_before_the_night() -> None:
    assert all(not issubclass(block, PORTS) for block in PEOPLE), "`tasks.preflight.contacts` asks them"
    for block in set(ALL_BLOCKS) - set(PEOPLE):
        assert len([port for port in PORTS if issubclass(block, port)]) == 1, block
        assert issubclass(block, Checkable), f"{block.__name__}: the preflight could not ask it"


def test_slugs_and_names_are_unique() -> None:
    slugs = [block.get_block_type_slug() for block in ALL_BLOCKS]
    assert len(set(slugs)) == len(slugs)
    assert [block_class(slug) for slug in slugs] == list(ALL_BLOCKS)
    assert len({block._block_type_name for block in ALL_BLOCKS}) == len(slugs)
    assert all(slug == slug.lower() and "/" not in slug for slug in slugs)
