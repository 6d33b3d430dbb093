"""Make a block of values and sources: every fault at once, and no fault repeats a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import yaml
from prefect.blocks.core import Block
from pydantic import SecretBytes, SecretStr, ValidationError

from deployments.cli.block.fields import BlockField, block_kind, fields_of, split_reference
from deployments.cli.block.sources import HOW, NoValue, is_source, value_of
from mailmove.errors import Blocked, faults_listed

Values = Mapping[str, Any]
"""Field -> value or source; `Typed` where a person has typed it at a prompt."""


class Typed(str):
    """A value that was typed at a prompt that does not echo: a secret may stand in it."""


def make_block(reference: str, values: Values, kept: Block | None = None) -> Block:
    """The block `type/name`, not saved. kept: the block whose other values stay. Blocked lists every fault."""
    block, faults = try_block(reference, values, kept)
    if block is None:
        raise Blocked(
            reference,
            wanted="values for the block",
            seen=faults_listed(faults),
            todo="Mend all of them; nothing was saved.",
        )
    return block


def try_block(reference: str, values: Values, kept: Block | None = None) -> tuple[Block | None, list[str]]:
    """(the block, its faults); None where there are some. Blocked: no such type of block."""
    kind = block_kind(split_reference(reference)[0])
    fields = fields_of(kind)
    given: dict[str, Any] = {name: getattr(kept, name) for name in fields} if kept else {}
    faults, secrets = [], Hidden()
    for name, value in values.items():
        if name not in fields:
            faults.append(f"{name}: is not a field of {reference}. Write one of: {', '.join(fields)}")
            continue
        try:
            given[name] = _read(fields[name], value, secrets)
        except NoValue as error:
            faults.append(f"{name}: {error}")
    named = {fault.partition(":")[0] for fault in faults}
    faults += [missing(field) for field in fields.values() if field.required and field.name not in {*given, *named}]
    if faults:
        return None, faults
    try:
        return kind(**given), []
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        return None, [secrets.hide(f"{'.'.join(map(str, detail['loc']))}: {detail['msg']}") for detail in details]
    except ValueError as error:
        return None, [secrets.hide(f"{reference}: {error}")]


def missing(field: BlockField) -> str:
    """The fault of a field that is not given."""
    example = f", for example `{field.example}`" if field.example else ""
    how = f" as {HOW}" if field.secret else example
    nested = f" as {field.nested}/NAME, the name of such a block" if field.nested else how
    return f"{field.name}: is missing. {field.description} Give it{nested}".replace("  ", " ")


class Hidden:
    """The secrets of one block; `hide` takes them out of a text."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def add(self, value: str) -> str:
        self._values |= {value, *value.splitlines()} - {""}
        return value

    def hide(self, text: str) -> str:
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, "(not shown)")
        return text


def _read(field: BlockField, value: Any, secrets: Hidden) -> Any:
    if isinstance(value, SecretStr | SecretBytes | Block):
        return value
    if field.nested:
        return _block(field, value)
    if isinstance(value, str):
        if field.secret and not isinstance(value, Typed) and not is_source(value):
            raise NoValue(f"is a secret, and stands there for everybody to read: change it, then give it as {HOW}")
        text = value_of(value)
        if field.secret:
            secrets.add(text)
        return _shaped(field, text)
    if isinstance(value, Mapping):
        return {key: _read(_part(field), part, secrets) for key, part in value.items()}
    if field.secret:
        raise NoValue(f"is a secret: give it as {HOW}")
    return value


def _part(field: BlockField) -> BlockField:
    """A field of a field: as secret as that, and plain text."""
    return BlockField(field.name, "", "", field.secret, True, False, "", "text", "")


def _shaped(field: BlockField, text: str) -> Any:
    """Text as the field wants it: a list by commas, a mapping by YAML."""
    if field.shape == "list":
        return [part.strip() for part in text.split(",") if part.strip()]
    if field.shape in ("mapping", "parts"):
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            raise NoValue("is not YAML; write {name: value}") from None
    return text


def _block(field: BlockField, value: Any) -> Block:
    try:
        slug, _ = split_reference(str(value))
        nested = Block.load(str(value)) if slug == field.nested else None
    except (Blocked, ValueError):
        nested = None
    if nested is None:
        raise NoValue(f"there is no block {value}; make one first: mailmove block add {field.nested}/NAME")
    return cast(Block, nested)
