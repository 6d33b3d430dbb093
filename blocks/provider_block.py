"""What every block of ours is: settings that keep their secrets, also where they are incomplete or wrong."""

from __future__ import annotations

import re
from typing import Any

from prefect.blocks.core import Block
from pydantic import ConfigDict, field_validator

_PASSWORD_IN_URL = re.compile(r"://[^/?#\s]*@")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")


class ProviderBlock(Block):
    """Root of our block types. Its errors never show what was typed in: only the field, and what is wrong with it.

    A field that is shown (a plain text, or a list or dict of them) takes no address with an account in it and no
    private key: it would stand in every message that names the server.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    @field_validator("*", mode="after")
    @classmethod
    def _holds_no_secret(cls, value: Any) -> Any:
        for text in _texts(value):
            if _PASSWORD_IN_URL.search(text):
                raise ValueError("is an address with an account in it; the account belongs into fields of its own")
            if _PRIVATE_KEY.search(text):
                raise ValueError("is a private key; this field is shown")
        return value


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for inner in (*value.keys(), *value.values()) for text in _texts(inner)]
    if isinstance(value, list | tuple):
        return [text for inner in value for text in _texts(inner)]
    return []
