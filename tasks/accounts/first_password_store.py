"""Where first passwords lie until somebody has handed them over: one Prefect block `secret/first-passwords-CUSTOMER`.

Prefect keeps it encrypted and shows it to nobody unasked. It is written before a password is set, so that a try that
was killed is gone on with by the same password. Erased, it still knows who has had one.
"""

from __future__ import annotations

import secrets
import string
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, SecretStr, TypeAdapter, field_serializer

from tasks.engine.current import engine

State = Literal["chosen", "set", "withdrawing", "withdrawn", "own"]
"""chosen: written down, perhaps set. set: it is the account's. withdrawing: perhaps withdrawn. withdrawn: the account
has a password that nobody knows. own: its owner has changed it since."""


class AccessPass(BaseModel):
    """A Temporary Access Pass. asked: perhaps made. given: made, and kept here. taken: a rollback took it away.

    secret: None when it is erased. start, until: when it opens a sign-in, UTC.
    """

    state: Literal["asked", "given", "taken"]
    id: str = ""
    secret: SecretStr | None = None
    start: datetime | None = None
    until: datetime | None = None

    @field_serializer("secret", when_used="json")
    def _open(self, secret: SecretStr | None) -> str | None:
        return secret.get_secret_value() if secret else None


class FirstPassword(BaseModel):
    """One account's. password: None when it is erased. changed: when the account's password was last changed before
    this one was set (chosen), or as Microsoft told after that."""

    state: State
    changed: datetime
    password: SecretStr | None = None
    access_pass: AccessPass | None = None

    @field_serializer("password", when_used="json")
    def _open(self, password: SecretStr | None) -> str | None:
        return password.get_secret_value() if password else None


_SAFE = TypeAdapter(dict[str, FirstPassword])


_UNLIKE = str.maketrans("", "", "Il1O0o")
_LETTERS = [kind.translate(_UNLIKE) for kind in (string.ascii_lowercase, string.ascii_uppercase, string.digits)]
_SYMBOLS = "!#%+-=?@"


def new_password() -> SecretStr:
    """16 characters of four kinds, none that is mistaken for another: about 90 bits."""
    chosen = [secrets.choice(kind) for kind in (*_LETTERS, _SYMBOLS)]
    chosen += [secrets.choice("".join(_LETTERS)) for _ in range(12)]
    secrets.SystemRandom().shuffle(chosen)
    return SecretStr("".join(chosen))


def block_of(customer: str) -> str:
    return f"first-passwords-{customer}"


def read_safe(customer: str) -> dict[str, FirstPassword]:
    """Address -> what is known; empty: there is no such block."""
    stored = engine().vault.read(block_of(customer))
    return {} if stored is None else _SAFE.validate_python(stored)


def write_safe(customer: str, passwords: dict[str, FirstPassword]) -> None:
    """Returns when the server has it."""
    engine().vault.write(block_of(customer), _SAFE.dump_json(passwords).decode())


def passwords_to_hand_over(customer: str) -> dict[str, SecretStr]:
    """Address -> first password, of those who have one that nobody has erased."""
    safe = read_safe(customer)
    return {
        address: first.password for address, first in sorted(safe.items()) if first.password and first.state == "set"
    }


def erase_passwords(customer: str) -> int:
    """Once they are handed over; how many were erased. Who has had one stays known, and gets no second one."""
    safe = read_safe(customer)
    kept = {address: _without_secrets(first) for address, first in safe.items() if first.state == "set"}
    erased = sum(1 for address in kept if safe[address].password)
    if erased:
        write_safe(customer, {**safe, **kept})
    return erased


def _without_secrets(first: FirstPassword) -> FirstPassword:
    held = first.access_pass and first.access_pass.model_copy(update={"secret": None})
    return first.model_copy(update={"password": None, "access_pass": held})
