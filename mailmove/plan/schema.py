"""The JSON schema of plan files, for editors: what a file may hold. The Prefect UI's form has the model's own schema.

The form chooses blocks from lists; a file names them as `type/name`. A time of day has no seconds and no zone, which
`format: time` would ask for.
"""

from __future__ import annotations

from typing import Any

from mailmove.plan.block_refs import REF
from mailmove.plan.cutover import Cutover

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CLOCK = {"type": "string", "pattern": "^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"}


def plan_schema() -> dict[str, Any]:
    """The schema of a plan file, JSON-able."""
    schema = _for_files(Cutover.model_json_schema(mode="validation"))
    return {"$schema": DIALECT, **schema, "title": "Mailmove plan", "description": "One customer's cutover."}


def _for_files(part: Any) -> Any:
    """The same part of the schema, with blocks by name and times of day as people write them."""
    if isinstance(part, list):
        return [_for_files(member) for member in part]
    if not isinstance(part, dict):
        return part
    choices = part.get("anyOf", [])
    slugs = [choice["block_type_slug"] for choice in choices if "block_type_slug" in choice]
    if slugs:
        kept = {key: value for key, value in part.items() if key not in ("anyOf", "pattern")}
        named = {"type": "string", "pattern": REF.pattern}
        empty = [choice for choice in choices if choice.get("type") == "null"]
        return {**kept, "anyOf": [named, {"type": "null"}]} if empty else {**kept, **named}
    if part.get("format") == "time":
        return {**{key: value for key, value in part.items() if key not in ("type", "format")}, **_CLOCK}
    return {key: _for_files(value) for key, value in part.items()}
