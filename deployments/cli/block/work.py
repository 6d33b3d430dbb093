"""What `mailmove block` does: make, test, list and rotate blocks at the Prefect server in use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import typer
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client

from deployments.cli.block.ask import Ask, asked_values, at_prompt
from deployments.cli.block.check import CheckedBlock, check_block
from deployments.cli.block.fields import BlockField, block_kind, fields_of, known_types, split_reference
from deployments.cli.block.make import make_block
from deployments.cli.block.sources import HOW, is_source
from mailmove.errors import BadPlan, Blocked
from mailmove.plan.load import read_yaml


@dataclass(frozen=True)
class Tried:
    """A test, and whether the block was saved after it."""

    result: CheckedBlock
    saved: bool


def given_values(settings: list[str], path: Path | None) -> dict[str, Any]:
    """Values of `--set FIELD=SOURCE` and of a file. Blocked: a setting that is none, or holds a value itself."""
    values = read_yaml(path, "values of a block") if path else {}
    if not isinstance(values, dict):
        raise BadPlan(
            str(path), wanted="a mapping", seen=type(values).__name__, todo="Write `field: value`, one a line."
        )
    values = {str(name): value for name, value in values.items()}
    for setting in settings:
        name, equals, source = setting.partition("=")
        if not equals or not is_source(source):
            todo = f"Write --set FIELD=SOURCE with {HOW}; plain values belong into --values."
            raise Blocked("--set", wanted="a field and its source", seen=f"{name or 'nothing'}=...", todo=todo)
        values[name] = source
    return values


def load_block(reference: str) -> Block | None:
    """The saved block; None: there is none of that name. Blocked: it is no reference, or does not open."""
    slug, name = split_reference(reference)
    with get_client(sync_client=True) as client:
        known = [document for document in _documents(client, slug) if document.name == name]
    if not known:
        return None
    block_kind(slug)  # imports its class
    try:
        return cast(Block, Block.load(reference))
    except ValueError as error:
        todo = "Make it anew: remove it in the UI, then mailmove block add."
        raise Blocked(reference, wanted="the block opened", seen=type(error).__name__, todo=todo) from None


def add_block(
    reference: str,
    given: dict[str, Any],
    *,
    ask: bool,
    untested: bool = False,
    proposals: dict[str, str] | None = None,
    by: Ask = at_prompt,
) -> Tried:
    """Make a block, test it, save it. Blocked: it exists, or a value has a fault; nothing was saved then."""
    slug, name = split_reference(reference)
    fields = fields_of(block_kind(slug))
    if load_block(reference) is not None:
        todo = f"Give it new secrets with `mailmove block rotate {reference}`, or take another name."
        raise Blocked("Prefect", wanted="a new block", seen=f"{reference} exists", todo=todo)
    values = _asked(fields, given, proposals or {}, by) if ask else given
    made = make_block(reference, values)
    return _saved(reference, name, made, untested, overwrite=False)


def rotate_block(reference: str, given: dict[str, Any], *, untested: bool = False, by: Ask = at_prompt) -> Tried:
    """Give a block new secrets, and save them once they were tested. Blocked: no such block, or nothing is new."""
    _, name = split_reference(reference)
    old = load_block(reference)
    if old is None:
        raise Blocked("Prefect", wanted=f"the block {reference}", seen="no such block", todo="See mailmove block list.")
    fields = fields_of(type(old))
    held = {field.name: field for field in fields.values() if field.secret and field.asked and getattr(old, field.name)}
    values = given or _asked(held, {}, {}, by)
    if not values:
        raise Blocked(
            reference, wanted="a new secret", seen="none", todo=f"Type one, or --set FIELD=SOURCE with {HOW}."
        )
    return _saved(reference, name, make_block(reference, values, kept=old), untested, overwrite=True)


def check_saved(reference: str) -> Tried:
    """Test a saved block. Blocked: there is none."""
    saved = load_block(reference)
    if saved is None:
        raise Blocked("Prefect", wanted=f"the block {reference}", seen="no such block", todo="See mailmove block list.")
    return Tried(check_block(reference, saved), saved=True)


def saved_blocks() -> list[dict[str, str]]:
    """Blocks of the types that a cutover may need: reference and last change, sorted."""
    rows = []
    with get_client(sync_client=True) as client:
        for slug in known_types():
            for document in _documents(client, slug):
                changed = f"{document.updated:%Y-%m-%d %H:%M} UTC" if document.updated else ""
                rows.append({"block": f"{slug}/{document.name}", "changed": changed})
    return sorted(rows, key=lambda row: row["block"])


def not_saved(references: list[str]) -> list[str]:
    """Those that the server does not have, in the given order. Blocked: one is no reference."""
    slugs = dict.fromkeys(split_reference(reference)[0] for reference in references)
    with get_client(sync_client=True) as client:
        saved = {f"{slug}/{document.name}" for slug in slugs for document in _documents(client, slug)}
    return [reference for reference in references if reference not in saved]


def _documents(client: Any, slug: str) -> list[Any]:
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    try:
        documents: list[Any] = client.read_block_documents_by_type(slug, include_secrets=False)
    except ObjectNotFound:  # the type was never registered here
        return []
    except PrefectHTTPStatusError as error:  # so says the client of one request what the client of another does not
        if error.response.status_code != 404:
            raise
        return []
    return documents


def _asked(fields: dict[str, BlockField], given: dict[str, Any], proposals: dict[str, str], by: Ask) -> dict[str, Any]:
    try:
        return asked_values(fields, given, proposals, by)
    except typer.Abort:
        wanted = ", ".join(field.name for field in fields.values() if field.asked)
        todo = f"Answer at a terminal, or give them by --values or --set: {wanted}."
        raise Blocked("mailmove", wanted="answers", seen="nobody answers", todo=todo) from None


def _saved(reference: str, name: str, made: Block, untested: bool, *, overwrite: bool) -> Tried:
    result = check_block(reference, made)
    if not (result.good or untested):
        return Tried(result, saved=False)
    made.save(name, overwrite=overwrite)
    return Tried(result, saved=True)
