"""Every error of Mailmove, named by what to do next.

    MailmoveError
    +-- Blocked            a person must act; the message says how
    |   +-- Refused        the other side does not accept our credentials or rights
    |   |   +-- SignInRefused  the sign-in itself; the same for every other request, and more tries lock the account
    |   +-- TtlRaised      a DNS provider makes a low TTL a higher one; `floor` says which
    |   +-- FolderUnreadable  one folder of a mailbox cannot be read, and the others can; it may be left
    |   +-- ItemUnreadable    one item of a mailbox cannot be had, and the others can; it may be left
    |   +-- ItemUnwritable    one item has a value that the form it is written in cannot hold, and the others have none
    |   +-- BadPlan        the plan has faults; all of them are listed
    |   +-- WindowClosed   the plan does not let it start now; it waits for the next window
    |   +-- RolledBack     a rollback of this cutover has begun: it never goes on; a new one may be started
    +-- Transient          ask again later, with the same words
    |   +-- AnswerUnreadable   it answered, and not in its own language: HTML, a torn page, nothing
    |   +-- Throttled      ask again after `retry_after` seconds
    |   +-- NotYet         the world does not agree yet; nothing is wrong
    |   |   +-- Overdue    patience has ended; a person is asked `asks`, and it is polled on
    |   |   +-- ByHand     a person must type `records` where no program can; that it was done shows by itself
    |   +-- Drifted        the state changed since it was read; read it again

A message names who answered, what was wanted, what was seen and what to do next.
No vendor exception leaves `blocks/`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mailmove.shown_text import visible

if TYPE_CHECKING:
    from mailmove.leavable import Leavable


def faults_listed(faults: Sequence[object]) -> str:
    """All faults of what a person wrote, counted, one below the other: the `seen` of an error."""
    return f"{len(faults)} {'fault' if len(faults) == 1 else 'faults'}:\n  " + "\n  ".join(map(str, faults)) + "\n"


class MailmoveError(Exception):
    """Root of the tree; raised only as one of its children.

    who:    the system that answered ("Route 53", "mail.contoso.com").
    wanted: what we asked of it, in words.
    seen:   what it answered, in its own words where it has any.
    todo:   what the reader should do next.
    code:   what the other side calls the error; None: it gave no name, or we speak ourselves. Code decides by the
            type and by this, never by the sentence in `seen`:

                Microsoft Graph, Partner Center   their error code         "Request_BadRequest"
                Microsoft Entra ID                the AADSTS number        "AADSTS65001"
                cmdlets, any way they are run     class of the exception   "ManagementObjectNotFoundException"
                Exchange Web Services             ResponseCode             "ErrorAccessDenied"
                Amazon                            error code               "NoSuchChange"
                DNS                               rcode                    "REFUSED"

            Where a service has a sentence only, the one reader in its client gives the sentence a code.
    leaves: the things that stand in the way and that the stage can do without, every one of them; a person is asked
            whether they are left out. Empty: there is nothing smaller than the stage itself.
    """

    code: str | None = None
    leaves: tuple[Leavable, ...] = ()

    def __init__(
        self,
        who: str,
        *,
        wanted: str,
        seen: str,
        todo: str,
        code: str | None = None,
        leaves: tuple[Leavable, ...] = (),
    ) -> None:
        self.who, self.wanted, self.seen, self.todo, self.code = who, wanted, seen, todo, code
        self.leaves = leaves
        super().__init__(who, wanted, seen, todo)

    def __str__(self) -> str:
        return visible(f"{self.who}: wanted {self.wanted}; saw {self.seen}. {self.todo}", lines=True)

    def __reduce__(self) -> tuple[object, ...]:
        # Prefect pickles exceptions of failed runs; keyword-only arguments need help.
        return (_rebuild, (type(self), dict(self.__dict__)))


class Blocked(MailmoveError):
    """A person must act before this can go on."""


class Refused(Blocked):
    """The other side does not accept our credentials, or they lack a right."""


class SignInRefused(Refused):
    """Name, password, secret, certificate or consent is not accepted: whatever is asked next fails in the same way."""


class TtlRaised(Blocked):
    """A DNS provider made a TTL higher than asked. The earlier records have been restored. `floor` is in seconds."""

    def __init__(self, who: str, *, wanted: str, seen: str, todo: str, floor: int) -> None:
        super().__init__(who, wanted=wanted, seen=seen, todo=todo)
        self.floor = floor


class FolderUnreadable(Blocked):
    """One folder of a mailbox cannot be read, however often it is asked for; the mailbox itself answers.

    mailbox: SMTP address. folder: names from the top down, one for each folder on the way.
    """

    def __init__(
        self, who: str, *, wanted: str, seen: str, todo: str, mailbox: str, folder: list[str], code: str | None = None
    ) -> None:
        super().__init__(who, wanted=wanted, seen=seen, todo=todo, code=code)
        self.mailbox, self.folder = mailbox, folder


class ItemUnreadable(Blocked):
    """One item of a mailbox cannot be had, however often it is asked for; the mailbox itself answers."""


class ItemUnwritable(Blocked):
    """One item has a value that the form in which it is written cannot hold; nothing of it is cut off silently."""


class BadPlan(Blocked):
    """The plan has faults. `seen` lists every one of them."""


class WindowClosed(Blocked):
    """The plan's windows do not let this start now. Nothing was changed; it waits for the next one."""


class RolledBack(Blocked):
    """A rollback of this cutover has begun. It never goes on, whoever asks; a new cutover may be started."""


class Transient(MailmoveError):
    """It may work if asked again."""


class AnswerUnreadable(Transient):
    """Something answered, and what it said cannot be read as an answer of that service."""


class Throttled(Transient):
    """Asked too often. `retry_after` is in seconds."""

    def __init__(
        self, who: str, *, wanted: str, seen: str, todo: str, retry_after: float = 5.0, code: str | None = None
    ) -> None:
        super().__init__(who, wanted=wanted, seen=seen, todo=todo, code=code)
        self.retry_after = retry_after


class NotYet(Transient):
    """The change was made, and does not show yet."""


class Overdue(NotYet):
    """It does not show, and patience has ended: a person is asked `asks`, in the same words each time."""

    def __init__(self, who: str, *, wanted: str, seen: str, todo: str, asks: str) -> None:
        super().__init__(who, wanted=wanted, seen=seen, todo=todo)
        self.asks = asks


class ByHand(NotYet):
    """A person must make these changes where no programme can: `records`, one line each, ready to be typed."""

    def __init__(self, who: str, *, wanted: str, seen: str, todo: str, records: list[str]) -> None:
        super().__init__(who, wanted=wanted, seen=seen, todo=todo)
        self.records = records


class Drifted(Transient):
    """The state is not what was read (or approved) before. Nothing was changed."""


def _rebuild(kind: type[MailmoveError], state: dict[str, object]) -> MailmoveError:
    error = kind.__new__(kind)
    Exception.__init__(error, state["who"], state["wanted"], state["seen"], state["todo"])
    error.__dict__.update(state)
    return error
