"""A person whose yes counts, known by a key. Only the public half is kept here."""

from __future__ import annotations

import base64
import binascii

from pydantic import Field, field_validator

from blocks.provider_block import ProviderBlock


class Approver(ProviderBlock):
    """Somebody who can open a gate. `mailmove new-approver anna` makes the key and this block."""

    _block_type_name = "Approver"
    _block_type_slug = "approver"
    _description = "A person whose yes counts at a gate, known by the public half of a key that only they have."

    public_key: str = Field(description="Ed25519 public key, base64, as `mailmove new-approver` prints it.")

    @field_validator("public_key")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        try:
            raw = base64.b64decode(value, validate=True)
        except binascii.Error:
            raise ValueError("is not base64") from None
        if len(raw) != 32:
            raise ValueError(f"has {len(raw)} bytes; an Ed25519 public key has 32")
        return value
