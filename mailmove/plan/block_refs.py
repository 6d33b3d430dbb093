"""How a plan names blocks: `type/name`, in a file as in the API; in the Prefect UI's form, a list of those that exist.

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
"""The form quotes it to a person, so it is short; REF says the rest."""


def _named(value: Any) -> Any:
    """`type/name` of an opened block, told by its methods: this room knows nobody. All else stays as it is."""
    slug, name = getattr(value, "get_block_type_slug", None), getattr(value, "_block_document_name", None)
    if callable(slug) and name:
        return f"{slug()}/{name}"
    if not isinstance(value, str):  # its words, and no more: a block that was never saved may hold secrets
        raise ValueError("is no block: choose one from the list, or write `type/name`")  # noqa: TRY004  # pydantic's
    return value


BlockRef = Annotated[str, BeforeValidator(_named), Field(pattern=REF.pattern)]
"""`block-type-slug/block-name`."""


@dataclass(frozen=True)
class Lists:
    """What the form offers for a BlockRef: a list for each of these block types, and a line to type in."""

    types: tuple[str, ...]
    optional: bool = False

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Prefect's form draws a list of blocks wherever a schema has `block_type_slug`, and a tab for each choice."""
        listed = [{"title": one, "type": "object", "block_type_slug": one, "required": ["$ref"]} for one in self.types]
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
"""Types by name, because what knows them lies above; a test holds them against the blocks that there are."""
