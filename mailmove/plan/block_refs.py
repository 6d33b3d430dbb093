"""References to blocks in a plan: `type/name` in a file and in the API, a list to choose from in the Prefect UI's form.

The form sends a reference by id, and Prefect opens the block before the plan sees it. Only its name is kept here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

REF = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$")
_ROUGHLY = "^[a-z0-9-]+/[a-z0-9-]+$"
"""Pattern that the form shows to a person, so it is short; REF is the exact one."""


def _named(value: Any) -> Any:
    """`type/name` of an opened block, known by its methods (mailmove does not import prefect); a string unchanged."""
    slug, name = getattr(value, "get_block_type_slug", None), getattr(value, "_block_document_name", None)
    if callable(slug) and name:
        return f"{slug()}/{name}"
    if not isinstance(value, str):  # its words, and no more: a block that was never saved may hold secrets
        raise ValueError("is no block: choose one from the list, or write `type/name`")  # noqa: TRY004  # pydantic's
    return value


BlockRef = Annotated[str, BeforeValidator(_named), Field(pattern=REF.pattern)]
"""A reference to a block: `block-type-slug/block-name`."""


@dataclass(frozen=True)
class Lists:
    """Choices of the form for a BlockRef: a list for each of these block types, and a field to type in."""

    types: tuple[str, ...]
    optional: bool = False

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON schema. Prefect's form shows a list of blocks for each `block_type_slug`, a tab for each choice."""
        listed = [
            {"title": block_type, "type": "object", "block_type_slug": block_type, "required": ["$ref"]}
            for block_type in self.types
        ]
        nothing = [{"title": "none", "type": "null"}] if self.optional else []
        typed = {"title": "by name", "type": "string"}
        return {"anyOf": [*nothing, *listed, typed], "pattern": _ROUGHLY}


EXCHANGE = Lists(("exchange-server",))
DNS = Lists(("route53", "octodns", "rfc2136", "manual"))
TENANT = Lists(("microsoft365",))
PARTNER = Lists(("partner-center",), optional=True)
AUTHORITY = Lists(("acme-authority",), optional=True)
FIREWALL = Lists(("aws-security-group", "ssh-gateway", "windows-firewall", "manual-firewall"))
NOTICE = Lists(
    (
        "mail-notice",
        "ms-teams-webhook",
        "slack-webhook",
        "custom-webhook",
        "discord-webhook",
        "mattermost-webhook",
        "opsgenie-webhook",
        "pager-duty-webhook",
        "sendgrid-email",
        "twilio-sms",
    )
)
"""Block types by name, because the blocks are in a higher layer; a test compares them with the blocks that exist."""
