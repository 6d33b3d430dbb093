"""Prefect behind the port: runs and states, artifacts, secret blocks, concurrency limits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn, ParamSpec, TypeVar, cast
from uuid import UUID

from prefect import get_run_logger
from prefect import tags as prefect_tags
from prefect.blocks.core import Block
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.context import TaskRunContext
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Cancelled, Cancelling

from blocks import block_class
from mailmove.errors import RolledBack
from tasks.engine import log_door, prefect_blocks
from tasks.engine.port import Engine, RunRecord
from tasks.engine.prefect_claims import claim_for, claim_of, words_of
from tasks.engine.prefect_internals import (
    current_flow_run,
    ended_without_a_word,
    keyed_by,
    leave_paused,
    leave_without_state,
    suspend,
    without_heartbeat,
)
from tasks.engine.prefect_parking import PrefectParking, own_run_id
from tasks.engine.prefect_runs import open_runs, read_run
from tasks.engine.prefect_slots import slots
from tasks.engine.prefect_store import ArtifactStore, SecretBlocks
from tasks.engine.run_ends import cut_short, is_over, keep_cancelled, refused

P = ParamSpec("P")
R = TypeVar("R")


class PrefectEngine(Engine):
    """One process of a flow run.

    ending_seconds: time that a worker is given to end the process of another run.
    """

    ending_seconds = 30.0

    def __init__(self) -> None:
        prefect_blocks.install()
        log_door.install()
        self.store, self.vault, self.parking = ArtifactStore(), SecretBlocks(), PrefectParking()
        self._claimed: dict[UUID, str] = {}

    def root_run(self) -> UUID:
        root = flow_run.root_flow_run_id
        assert root is not None, "the ledger is written inside a flow run"
        return UUID(str(root))

    def own_run(self) -> UUID:
        return own_run_id()

    def claim(self, customer: str, *, instead_of: UUID | None = None) -> None:
        root = self.root_run()
        with get_client(sync_client=True) as client:
            known = claim_for(client, customer, root, instead_of=instead_of)
            if known is not None:
                self._refuse(client, words_of(client, customer, known))
        self._claimed[root] = customer

    def claimed_by(self, customer: str) -> UUID | None:
        with get_client(sync_client=True) as client:
            known = claim_of(client, customer)
            return known.run if known and not is_over(client, known.run) else None

    def _refuse(self, client: SyncPrefectClient, words: str) -> NoReturn:
        """End this root run as Refused, and its process with it."""
        get_run_logger().warning("%s", words)
        client.set_flow_run_state(self.root_run(), refused(words), force=True)
        leave_without_state(words)

    def fence(self) -> None:
        """Raises Prefect's Abort, which ends this process without a word to the server: the run is another one's now.

        A host that was cut off for minutes, or a laptop that slept, does not know that its run was given to another
        process, or rolled back. The server does: every state has an id of its own, and the one that this process was
        given is not there.
        """
        own = current_flow_run()
        assert own is not None and own.state is not None, "acting is for flows that run"
        with get_client(sync_client=True) as client:
            try:
                current = client.read_flow_run(own.id).state
            except ObjectNotFound:
                leave_without_state(f"{own.name} was deleted")
        if current is None or current.id != own.state.id:
            name = current.name if current else "without a state"
            get_run_logger().warning("The run is %s by now, and not by this process: it acts no more.", name)
            leave_without_state(f"{own.name} is {name} by now, and not by this process")
        self._still_claimed()

    def _still_claimed(self) -> None:
        """Another run may have taken the customer while this one had Failed, and somebody pressed Retry on it."""
        root = self.root_run()
        customer = self._claimed.get(root)
        if customer is None:
            return
        with get_client(sync_client=True) as client:
            known = claim_of(client, customer)
            if known is None:  # a person has deleted the variable
                known = claim_for(client, customer, root)
            if known is not None and known.run != root:
                words = words_of(client, customer, known)
                self.end_run(root, words)
                leave_without_state(words)

    def run_task(self, task: Any, *args: Any, attempt: int = 0, fresh: bool = False) -> Any:
        if attempt:

            def once_per_attempt(context: TaskRunContext, _parameters: dict[str, Any]) -> str:
                return f"{context.task_run.flow_run_id}/{context.task.name}.{attempt}"

            task = task.with_options(cache_key_fn=once_per_attempt)
        if fresh:
            task = task.with_options(refresh_cache=True)
        return task(*args)

    def run_sub_flow(self, sub_flow: Any, name: str, *args: Any, tags: Sequence[str] = ()) -> None:
        """What it came to is in the ledger. Its result is not even kept: that place may be full, or lost with its
        worker, and Prefect fails a run that it cannot write or read a result for. It lives in its cutover's process,
        whose heart beats for both: one of its own would only be a second to wait for at its end.

        One that somebody has cancelled in the UI is made anew, in the next life of this run: there Prefect re-attaches
        no sub-flow run that has ended, and has not completed.
        """
        with prefect_tags(*tags), without_heartbeat():
            state = cast(Any, keyed_by(sub_flow, name))(*args, return_state=True)
        if ended_without_a_word(state):
            self._live_again(state, name)
        if not state.is_completed():
            state.result()

    def _live_again(self, state: State[Any], name: str) -> NoReturn:
        """Close the sub-flow run, suspend the run above it, and leave; the watch resumes it. Never returns."""
        sub_run, root = state.state_details.flow_run_id, self.root_run()
        get_run_logger().warning("%s was ended by somebody (%s); it is asked anew.", name, state.name)
        with get_client(sync_client=True) as client:
            if sub_run and state.is_cancelling():
                client.set_flow_run_state(sub_run, Cancelled(message=state.message or "Cancelled."), force=True)
            lives = client.read_flow_run(root).run_count
        suspend(root, key=f"{root}-{lives}")  # no question's key begins with it
        leave_paused(state)

    def load_block(self, reference: str) -> Any:
        slug, _, name = reference.partition("/")
        ours = block_class(slug)
        # A class of its own loads nothing but itself; `Block.load` imports every Prefect collection that is installed.
        return ours.load(name) if ours else Block.load(reference)

    def slots(self, names: list[str]) -> AbstractContextManager[None]:
        return slots(names)

    def read_run(self, root: UUID) -> RunRecord | None:
        return read_run(root)

    def end_run(self, run: UUID, reason: str) -> None:
        """One that has a process is first Cancelling: its worker ends the process then, be it in the middle of an act.

        Where no worker does so, it is Cancelled all the same; a process that lives on is fenced.
        """
        with get_client(sync_client=True) as client:
            try:
                state = client.read_flow_run(run).state
                if state is not None and (state.is_running() or state.is_pending()):
                    client.set_flow_run_state(run, Cancelling(message=reason), force=True)
                    self._wait_for_end(client, run)
                    state = client.read_flow_run(run).state
            except ObjectNotFound:  # somebody has deleted it
                return
            if state is not None and (not state.is_final() or cut_short(state)):  # which the watch would restart
                client.set_flow_run_state(run, Cancelled(message=reason), force=True)

    def _wait_for_end(self, client: SyncPrefectClient, run: UUID) -> None:
        end = time.monotonic() + self.ending_seconds
        while time.monotonic() < end:
            state = client.read_flow_run(run).state
            if state is None or state.is_final():
                return
            time.sleep(0.5)

    def open_cutovers(self, customer: str) -> list[UUID]:
        return open_runs("cutover", customer)

    def leave_rolled_back(self, error: RolledBack) -> NoReturn:
        """A flow process that ends sets its own final state. This one leaves none: the run is Cancelled, by whom and
        when, before it goes.
        """
        root = self.root_run()
        get_run_logger().warning("%s", error)
        keep_cancelled(root, str(error))
        leave_without_state(str(error))
