"""Notices by plain mail. Prefect has blocks for Teams, Slack and webhooks, but none for a mail server of one's own."""

from __future__ import annotations

from prefect.blocks.notifications import AppriseNotificationBlock
from pydantic import ConfigDict, Field, SecretStr


class MailNotice(AppriseNotificationBlock):
    """Sends notices through an SMTP server, by Apprise."""

    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Mail notice"
    _block_type_slug = "mail-notice"
    _description = "Notices by mail, through an SMTP server. Do not send them by the mail system that is being moved."

    url: SecretStr = Field(
        title="Mail URL",
        description="Server, account, sender and recipients, as Apprise spells them.",
        examples=["mailtos://user:password@smtp.msp.example:587/?from=cutover@msp.example&to=anna@msp.example"],
    )
