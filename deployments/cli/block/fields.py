"""What a block type wants to be told: its fields, which of them are secrets or other blocks, and how each is asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args, get_origin

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from blocks import block_class
from mailmove.errors import Blocked
from mailmove.plan.block_refs import NOTICE, REF
from tasks.engine.prefect_internals import block_type_of

_SECRETS_ALL_THE_SAME = {("aws-credentials", "aws_session_token")}
"""Fields that hold a secret, though their class declares plain text."""
_FILLED_IN = {"refresh_token", "signed_in_as", "signed_in_at", "kept"}
"""Fields that `mailmove sign-in` or the block itself fills in."""
_ASKED = {
    ("aws-credentials", "aws_access_key_id"),
    ("aws-credentials", "region_name"),
    ("exchange-server", "shell_kind"),
    ("exchange-server", "authentication"),
    ("route53", "hosted_zone_id"),
}
"""Fields with a default that are asked for all the same: most customers need another value."""


@dataclass(frozen=True)
class BlockField:
    """One field. nested: type of the block that it names; '': it is a value. default: '' where it must be given."""

    name: str
    description: str
    example: str
    secret: bool
    required: bool
    asked: bool
    nested: str
    shape: str
    default: str


def block_kind(slug: str) -> type[Block]:
    """The class of a block type of ours, of AWS, or of Prefect's notifications and secrets. Blocked: no such type."""
    import prefect_aws  # noqa: F401  # importing registers the types

    kind = block_class(slug)
    if kind is None:
        kind = block_type_of(slug)
    if kind is None:
        todo = f"Write one of: {', '.join(known_types())}."
        raise Blocked("mailmove", wanted="a block type", seen=repr(slug), todo=todo)
    known: type[Block] = kind
    return known


def known_types() -> list[str]:
    """Slugs of the types that a cutover may need, sorted."""
    from blocks import ALL_BLOCKS

    ours = {kind.get_block_type_slug() for kind in ALL_BLOCKS}
    return sorted(ours | set(NOTICE.types) | {"aws-credentials", "aws-secret", "secret"})


def split_reference(reference: str) -> tuple[str, str]:
    """(type, name) of `type/name`. Blocked: it is no such reference."""
    if not REF.match(reference):
        todo = "Write type/name, such as microsoft365/contoso: lower-case letters, digits, dashes."
        raise Blocked("mailmove", wanted="the name of a block", seen=repr(reference), todo=todo)
    slug, _, name = reference.partition("/")
    return slug, name


def fields_of(kind: type[Block]) -> dict[str, BlockField]:
    """Name -> field, in the order of the class; private ones are left out."""
    return {name: _field(kind.get_block_type_slug(), name, info) for name, info in kind.model_fields.items()}


def _field(slug: str, name: str, info: FieldInfo) -> BlockField:
    inner = _types(info.annotation)
    nested = next((part for part in inner if isinstance(part, type) and issubclass(part, Block)), None)
    secret = (slug, name) in _SECRETS_ALL_THE_SAME or any(
        part in (SecretStr, SecretBytes, SecretDict) for part in inner
    )
    required = info.is_required()
    plain = "" if required or secret else info.get_default(call_default_factory=False)
    if any(part in (dict, SecretDict) for part in inner):
        shape = "mapping"
    elif list in inner:
        shape = "list"
    else:
        shape = "parts" if any(isinstance(part, type) and issubclass(part, BaseModel) for part in inner) else "text"
    return BlockField(
        name=name,
        description=(info.description or "").strip(),
        example=str(info.examples[0]) if info.examples else "",
        secret=secret,
        required=required,
        asked=name not in _FILLED_IN and (required or secret or (slug, name) in _ASKED),
        nested=nested.get_block_type_slug() if nested else "",
        shape=shape,
        default="" if plain is None else str(plain),
    )


def _types(annotation: Any) -> list[Any]:
    """The types that an annotation is made of, at any depth."""
    parts = [part for argument in get_args(annotation) for part in _types(argument)]
    return [annotation, *([origin] if (origin := get_origin(annotation)) else []), *parts]
