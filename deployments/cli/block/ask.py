"""Ask a person for a block's values: each with its reason, what may be left empty, and without an echo for secrets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from deployments.cli.block.fields import BlockField
from deployments.cli.block.make import Typed
from deployments.cli.block.sources import HOW
from deployments.cli.output import echo

Ask = Callable[[BlockField, str], str]
"""`ask(field, proposal)`: what the person wrote; '': they left it."""


def at_prompt(field: BlockField, proposal: str) -> str:
    """Ask on stderr, so that --json stays clean; a secret is not echoed, and may be given as a source."""
    echo(f"\n{field.name}: {field.description}", err=True)
    if field.nested:
        echo(f"  It is the name of another block: {field.nested}/NAME", err=True)
    elif field.secret:
        echo(f"  Not shown while you type; or {HOW}", err=True)
    elif field.example:
        echo(f"  for example {field.example}", err=True)
    empty = "" if field.required else " (Enter: leave it empty)"
    words = f"  {field.name}{'' if proposal else empty}"
    answer = typer.prompt(words, default=proposal, show_default=bool(proposal), hide_input=field.secret, err=True)
    return str(answer).strip()


def asked_values(
    fields: dict[str, BlockField], given: dict[str, Any], proposals: dict[str, str], ask: Ask = at_prompt
) -> dict[str, Any]:
    """The values that were given, and those that a person adds. Fields that nobody need know are not asked for."""
    values = dict(given)
    for field in fields.values():
        if field.name in given or not field.asked:
            continue
        answer = ask(field, proposals.get(field.name, field.default))
        if answer:
            values[field.name] = Typed(answer) if field.secret else answer
    return values
