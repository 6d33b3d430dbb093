"""Open Prefect's blocks so that one which is incomplete or wrong tells its fields, and nothing that stands in them.

`Block.load`, `aload` and the form of a run that names a block by its id all end in
`Block._load_from_block_document` (prefect/blocks/core.py), for our block types and for Prefect's own. There pydantic's
error is chained to the one that is raised, and its text quotes the whole document, passwords too. It is replaced here:
raising outside of the `except` leaves nothing behind in `__context__` that a log or a stored result could show.
"""

from __future__ import annotations

import logging
from typing import Any

from prefect.blocks.core import Block
from pydantic import BaseModel, ValidationError

from mailmove.errors import Blocked

_original = Block._load_from_block_document.__func__  # type: ignore[attr-defined]


def _load(cls: type[Block], block_document: Any, validate: bool = True) -> Block:
    """The block of a document. Blocked: its fields, where they are incomplete or wrong."""
    if not validate:  # nobody of ours: its caller wants a block with holes
        block: Block = _original(cls, block_document, validate=False)
        return block
    try:
        return cls._from_block_document(block_document)
    except ValidationError as error:
        faults = faults_of(error, _class_of(cls, block_document))
    except Exception as error:  # noqa: BLE001  # a validator's or an initializer's own; its words may quote the value
        faults = f"settings that cannot be used ({type(error).__name__})"
    raise Blocked(
        "Prefect",
        wanted=f"the block {_name_of(block_document)}",
        seen=faults,
        todo="Fill in these fields of the block and save it again.",
    )


def install() -> None:
    """Let every way to open a block go through `_load`, and silence a library that logs what it cannot read."""
    Block._load_from_block_document = classmethod(_load)  # type: ignore[assignment,method-assign]
    logging.getLogger("apprise").addFilter(_nothing)  # Apprise quotes addresses with tokens in them


def _nothing(_: logging.LogRecord) -> bool:
    return False


def faults_of(error: ValidationError, kind: type[BaseModel] | None) -> str:
    """Names of the fields and what is wrong with each; never a value, nor the key of a dict that somebody typed."""
    ours = kind is not None and kind.__module__.partition(".")[0] == "blocks"
    faults = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False):
        place = _field_names(kind, fault["loc"]) or "the block"
        if fault["type"] == "missing":
            words = "is missing"
        elif ours or fault["type"] not in ("value_error", "assertion_error"):
            words = fault["msg"].removeprefix("Value error, ")
        else:  # a validator of others; its words may quote
            words = "is not valid"
        faults.append(f"{place}: {words}")
    return "; ".join(dict.fromkeys(faults))


def _field_names(kind: Any, place: tuple[Any, ...]) -> str:
    """'credentials.region_name': as far as they are fields that a model declares."""
    names = []
    for name in place:
        fields = getattr(kind, "model_fields", {})
        if name not in fields:
            break
        names.append(str(name))
        kind = fields[name].annotation
    return ".".join(names)


def _class_of(cls: type[Block], block_document: Any) -> type[Block] | None:
    if cls is not Block:
        return cls
    try:
        return Block.get_block_class_from_schema(block_document.block_schema)
    except Exception:  # noqa: BLE001  # only to name fields; there is an error already
        return None


def _name_of(block_document: Any) -> str:
    slug = getattr(block_document.block_type, "slug", None) or block_document.block_type_name
    return f"{slug}/{block_document.name}"
