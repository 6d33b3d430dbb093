"""End the process of a cutover that was rolled back, before it acts, asks or goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from tasks.engine.current import engine
from tasks.ledger.entry import Entry
from tasks.ledger.rolled_back import fact_in, fact_of


def end_if_rolled_back() -> None:
    """Return when nobody has begun to roll back the root run that this process works for; else end the process.

    One request; asked of the server each time, as a rollback may begin at any moment.
    """
    fact = fact_of(engine().root_run())
    if fact is not None:
        engine().leave_rolled_back(fact.error())


def ask(form: type[Any], question: str) -> NoReturn:
    """Park as a question, unless a rollback has begun while this process looked, checked or wrote its question."""
    end_if_rolled_back()
    engine().parking.park(form, question)


def refuse_rolled_back(entries: Iterable[Entry]) -> None:
    """The same at the beginning of a process, from the cutover's whole ledger.

    Its completed steps may be put back by now: whoever went on from where it stood would count on them.
    """
    fact = fact_in(entries)
    if fact is not None:
        engine().leave_rolled_back(fact.error())
