"""Where first passwords lie until somebody has handed them over: one Prefect block `secret/first-passwords-CUSTOMER`.

Prefect keeps it encrypted and shows it to nobody unasked. It is written before a password is set, so that a try that
was killed is gone on with by the same password. Erased, it still knows who has had one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from prefect.blocks.system import Secret
from pydantic import BaseModel, SecretStr, TypeAdapter, field_serializer

State = Literal["chosen", "set", "withdrawing", "withdrawn", "taken over"]
"""chosen: written down, perhaps set. set: it is the account's. withdrawing: perhaps withdrawn. withdrawn: the account
has a password that nobody knows. taken over: its owner has changed it since."""


class FirstPassword(BaseModel):
    """One account's. password: None when it is erased. changed: when the account's password was last changed before
    this one was set (chosen), or as Microsoft told after that."""

    state: State
    changed: datetime
    password: SecretStr | None = None

    @field_serializer("password", when_used="json")
    def _open(self, password: SecretStr | None) -> str | None:
        return password.get_secret_value() if password else None


_SAFE = TypeAdapter(dict[str, FirstPassword])


def block_of(customer: str) -> str:
    return f"first-passwords-{customer}"


def read_safe(customer: str) -> dict[str, FirstPassword]:
    """Address -> what is known; empty: there is no such block."""
    try:
        block = Secret.load(block_of(customer))
    except ValueError:
        return {}
    return _SAFE.validate_python(block.get())  # type: ignore[union-attr]  # sync here, so no coroutine


def write_safe(customer: str, held: dict[str, FirstPassword]) -> None:
    """Returns when the server has it."""
    Secret(value=_SAFE.dump_json(held).decode()).save(block_of(customer), overwrite=True)


def passwords_to_hand_over(customer: str) -> dict[str, SecretStr]:
    """Address -> first password, of those who have one that nobody has erased."""
    safe = read_safe(customer)
    return {address: one.password for address, one in sorted(safe.items()) if one.password and one.state == "set"}


def erase_passwords(customer: str) -> int:
    """Once they are handed over; how many were erased. Who has had one stays known, and gets no second one."""
    safe = read_safe(customer)
    kept = {address: one.model_copy(update={"password": None}) for address, one in safe.items() if one.state == "set"}
    erased = sum(1 for address in kept if safe[address].password)
    if erased:
        write_safe(customer, {**safe, **kept})
    return erased
