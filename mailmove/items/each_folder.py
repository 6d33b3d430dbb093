"""Do something with each folder of a mailbox: one that fails holds no other up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from mailmove.errors import MailmoveError, SignInRefused, Transient

IN_A_ROW = 3
"""Failures in passing one after the other, of folders or of single items, after which the server is to blame."""


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


F = TypeVar("F", bound=_HasId)


def each_folder(folders: Iterable[F], act: Callable[[F], object]) -> dict[str, MailmoveError]:
    """The error of each folder that failed, by its id. Raised: SignInRefused, and the last of a row of Transient."""
    failed: dict[str, MailmoveError] = {}
    in_a_row = 0
    for folder in folders:
        try:
            act(folder)
            in_a_row = 0
        except SignInRefused:
            raise
        except MailmoveError as error:
            failed[folder.id] = error
            in_a_row += isinstance(error, Transient)
            if in_a_row == IN_A_ROW:
                raise
    return failed
