"""The engine as Mailmove sees it: where things are kept, how a run parks, which run this is.

Stages, waits and flows know this port; Prefect stands behind it (`prefect_engine.py`). The randomised cutovers of the
lab and the tests hand in engines of their own, so that nobody has to patch a module.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from mailmove.errors import RolledBack

Rows = list[dict[str, Any]]
"""A table: JSON values by column name."""

Form = TypeVar("Form")


@dataclass(frozen=True)
class ParkedRecord:
    """A sub-flow run that was parked. flow: wait, gate or trouble. times: (asked, answered or None, the question)."""

    id: UUID
    flow: str
    parameters: dict[str, Any]
    times: list[tuple[datetime, datetime | None, str]]


@dataclass(frozen=True)
class RunRecord:
    """A root run as the engine remembers it. Times are aware and in UTC. flow: cutover or rollback."""

    state: str
    parameters: dict[str, Any]
    began: datetime | None
    ended: datetime | None
    parked: list[ParkedRecord]
    flow: str = "cutover"


@dataclass(frozen=True)
class Claim:
    """Which root run has a customer. since: aware, in UTC. id: names this claim among earlier and later ones."""

    run: UUID
    since: datetime
    id: UUID


class Store(ABC):
    """Tables and pages by key. Each write is a new version, appended; none is changed but by `rewrite_table`."""

    @abstractmethod
    def write_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        """Append a version; returns when it is kept."""

    @abstractmethod
    def rewrite_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        """Put these rows in the place of the newest version; append where there is none. For notes, never for records:
        what only one's own next step wants to know, and nobody will want to have known.
        """

    @abstractmethod
    def rewrite_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        """The same for a page."""

    @abstractmethod
    def write_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        """Append a version of a page; returns when it is kept."""

    @abstractmethod
    def read_versions(self, key: str) -> list[Rows]:
        """Every version of a table, newest first."""

    @abstractmethod
    def read_latest(self, keys: list[str]) -> dict[str, Rows]:
        """The newest version of each table that exists, in few requests."""

    @abstractmethod
    def read_of_run(self, flow_run: UUID, keys: list[str]) -> dict[str, Rows]:
        """The newest version of each table that one run wrote; later runs may have written others since."""


class Vault(ABC):
    """Secrets that Mailmove makes itself, by name; encrypted, and shown to nobody unasked."""

    @abstractmethod
    def read(self, name: str) -> Any | None:
        """The JSON value; None: there is none of that name."""

    @abstractmethod
    def write(self, name: str, json_text: str) -> None:
        """Replace it; returns when it is kept."""


class Parking(ABC):
    """What a sub-flow needs to turn into a question and end its process."""

    @abstractmethod
    def park(self, form: type[Any], question: str) -> NoReturn:
        """Turn this sub-flow into a question. Never returns: it ends the process, or raises what ends it."""

    @abstractmethod
    def last_answer(self, form: type[Form]) -> Form | None:
        """What was answered when this sub-flow was last parked; None: never parked, or resumed without an answer."""

    @abstractmethod
    def times_parked(self) -> int:
        """How often this sub-flow has parked: the key of the question that was last asked; 0: none yet."""


class Engine(ABC):
    """Everything that a cutover needs of what runs it."""

    store: Store
    vault: Vault
    parking: Parking

    @abstractmethod
    def root_run(self) -> UUID:
        """The root run that the running task or sub-flow belongs to: the cutover, or the rollback."""

    @abstractmethod
    def own_run(self) -> UUID:
        """The run of the flow that this code runs in."""

    @abstractmethod
    def fence(self) -> None:
        """Return when this process still owns its run; else end it without a word: a zombie acts no more."""

    @abstractmethod
    def claim(self, customer: str, *, instead_of: UUID | None = None) -> None:
        """Return when this root run is the customer's only one, until it is over; `fence` asks for that from then on.

        Else end this process before any act, and the run as Refused, with words: who has the customer, since when, how
        to see it. instead_of: a run that this one takes the customer from, although it is not over.
        """

    @abstractmethod
    def claimed_by(self, customer: str) -> UUID | None:
        """The root run that has a customer and is not over, whichever it is; None: nobody has."""

    @abstractmethod
    def run_task(self, task: Any, *args: Any, attempt: int = 0, fresh: bool = False) -> Any:
        """Run a task, or return what it returned before in this run.

        attempt: it is done once more for each number. fresh: it is done again, whatever is remembered.
        """

    @abstractmethod
    def run_sub_flow(self, sub_flow: Any, name: str, *args: Any, tags: Sequence[str] = ()) -> None:
        """Run a sub-flow under this name to its end, or find that it has ended; raises what it ended with, if not well.

        A resumed run attaches to the sub-flow run of the same name again.
        """

    @abstractmethod
    def load_block(self, reference: str) -> Any:
        """The block `type/name`. ValueError: there is none."""

    @abstractmethod
    def slots(self, names: list[str]) -> AbstractContextManager[None]:
        """Hold a slot of each of these concurrency limits that exist, all or none."""

    @abstractmethod
    def read_run(self, root: UUID) -> RunRecord | None:
        """A root run and what it was parked at; None: the engine has forgotten it."""

    @abstractmethod
    def end_run(self, run: UUID, reason: str) -> None:
        """End a run that could still act; nothing happens to one that has ended for good."""

    def open_cutovers(self, customer: str) -> list[UUID]:
        """Cutovers of a customer that are not over, newest first, also one that is still to start."""
        return []

    def leave_rolled_back(self, error: RolledBack) -> NoReturn:
        """End this process, whose root run was rolled back, so that the run stays ended with these words."""
        raise error
