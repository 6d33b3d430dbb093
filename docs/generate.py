"""Writes the pages that are generated from the code: stages, providers, permissions, pictures. `make pages` runs it.

A test compares the pages with what this gives, so that no page differs from the code.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from prefect.blocks.core import Block
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from blocks import ALL_BLOCKS, Approver, MailNotice
from docs.model_reference import json_page, ledger_page
from docs.picture import drawings, night_page, recorded
from docs.whole_items import whole_items_page
from mailmove.plan import required_permissions as rights
from mailmove.ports import CertificateAuthority, DnsProvider, Firewall, Partner, SourceServer, Tenant
from tasks.runbook import RUNBOOK, Stage, Wait

DOCS = Path(__file__).parent

_PORTS: dict[type, tuple[str, str]] = {
    DnsProvider: ("DNS provider", "dns.provider"),
    SourceServer: ("old server", "source.server"),
    Tenant: ("Microsoft 365", "target.tenant"),
    Partner: ("partner's access", "target.partner"),
    Firewall: ("firewall", "firewall.gateway"),
    CertificateAuthority: ("certificate authority", "source.obtain_certificate"),
}
"""What a block can be -> in words, and where the plan names it."""

PROVIDERS = [block for block in ALL_BLOCKS if block not in (Approver, MailNotice)]
"""Blocks that have a page; the other two are for people, and `overnight.md` describes them."""

_NOTE = "<!-- Written by docs/generate.py; change the code instead, then `make pages`. -->\n"


def pages() -> dict[str, str]:
    """Path below docs/ -> text."""
    made = {"stages.md": _stages(), "providers/index.md": _providers()}
    made |= {"reference/ledger.md": ledger_page(), "reference/json.md": json_page()}
    made |= {"night.md": night_page(recorded()), "whole-items.md": whole_items_page()}
    made |= {f"providers/{block.get_block_type_slug()}.md": _provider(block) for block in PROVIDERS}
    made = {path: f"{_NOTE}\n{text.rstrip()}\n" for path, text in made.items()}
    pictures = {f"pictures/{name}": drawing for name, drawing in drawings(recorded()).items()}
    return {**made, **pictures, "permissions.md": rights.permission_page()}


def _stages() -> str:
    lines = [
        "# The cutover, step by step",
        "",
        "One table, `tasks/runbook.py`, is the order of the cutover. A stage checks, applies the difference only,",
        "verifies, and can roll back to what the ledger says stood there before. No process waits in a wait.",
        "",
    ]
    for number, step in enumerate(RUNBOOK, 1):
        lines += [f"## {number}. {step.name}", "", f"*{_sentence(step.story)}*", ""]
        lines += _stage(step) if isinstance(step, Stage) else _wait(step)
    return "\n".join(lines)


def _stage(step: Stage) -> list[str]:
    lines = [_words(step.module.__doc__), ""]
    if step.gate:
        lines += [
            f"A person must open the gate `{step.gate}` first, if the plan's `gates.{step.gate}` asks for it.",
            "",
        ]
    if step.can_be_left:
        lines += ["Where it cannot be mended, a person may go on without it, with name and reason.", ""]
    verbs = {"check": "Checks", "apply": "Applies", "verify": "Verifies", "rollback": "Rolls back"}
    texts = {words: _words(getattr(step.module, verb).fn.__doc__) for verb, words in verbs.items()}
    return [
        *lines,
        "| | |",
        "|---|---|",
        *(f"| {words} | {_cell(text)} |" for words, text in texts.items() if text),
        "",
    ]


def _wait(step: Wait) -> list[str]:
    text = _words(inspect.getdoc(step.module.poll))
    return [f"Waits. {_words(step.module.__doc__)}", "", *([text, ""] if text else [])]


def _providers() -> str:
    lines = [
        "# Providers",
        "",
        "Each is a Prefect block: save it in the Prefect UI under a name, and name it in the plan.",
        "",
    ]
    lines += ["| block | is | in the plan |", "|---|---|---|"]
    for block in PROVIDERS:
        what, where = _port(block)
        slug = block.get_block_type_slug()
        lines.append(f"| [{block.get_block_type_name()}]({slug}.md) | {what} | `{where}: {slug}/NAME` |")
    return "\n".join(lines)


def _provider(block: type[Block]) -> str:
    slug, (what, where) = block.get_block_type_slug(), _port(block)
    part, field = where.split(".")
    schema = block.model_json_schema()
    secret = {name.split(".")[0] for name in schema["secret_fields"]}
    lines = [f"# {block.get_block_type_name()}", "", _description(block), ""]
    lines += [
        f"It is a {what}. The plan names it so:",
        "",
        "```yaml",
        f"{part}:",
        f"  {field}: {slug}/contoso",
        "```",
        "",
    ]
    lines += ["## Fields", "", "| field | what | default |", "|---|---|---|"]
    for name, info in block.model_fields.items():
        kept = " Kept encrypted." if name in secret else ""
        lines.append(f"| `{name}` | {_cell((info.description or '') + kept)} | {_default(info)} |")
    needed = [right for right in rights.explain_permissions() if right.system in rights.systems_of(slug)]
    if needed:
        lines += ["", "## Rights that it needs", "", *_table_of(needed)]
    return "\n".join(lines)


def _description(block: type[Block]) -> str:
    """The docstring without its example, which is for those who write code."""
    return _words((inspect.getdoc(block) or "").partition("\nExample:")[0])


def _table_of(needed: Iterable[rights.Right]) -> list[str]:
    lines = ["| right | for what | proved by |", "|---|---|---|"]
    for right in needed:
        instead = f" (or {', '.join(right.includes)})" if right.includes else ""
        why = _cell(right.why + rights.only_for(right.need))
        lines.append(f"| {right.name}{instead} | {why} | {_cell(right.proved)} |")
    return lines


def _port(block: type[Block]) -> tuple[str, str]:
    return next(words for port, words in _PORTS.items() if issubclass(block, port))


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value: Any = info.get_default(call_default_factory=False)
    if value is None or value is PydanticUndefined:
        return ""
    return f"`{json.dumps(value, default=str)}`"


def _words(text: str | None) -> str:
    return " ".join((text or "").split())


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _cell(text: str) -> str:
    return _words(text).replace("|", "\\|")


def main() -> None:
    """Write what differs, and remove the page of a block that is no more."""
    for path, text in pages().items():
        place = DOCS / path
        place.parent.mkdir(exist_ok=True)
        if not place.exists() or place.read_text(encoding="utf-8") != text:
            place.write_text(text, encoding="utf-8")
            print(f"written: docs/{path}")
    known = {DOCS / path for path in pages()}
    for place in (DOCS / "providers").glob("*.md"):
        if place not in known:
            place.unlink()
            print(f"removed: docs/providers/{place.name}")


if __name__ == "__main__":
    main()
