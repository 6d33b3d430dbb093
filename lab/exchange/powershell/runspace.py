"""One PowerShell session of the lab's remote shell: PSRP (MS-PSRP) by psrpcore, cmdlets by `pipeline`.

It runs pipelines of cmdlets and no scripts: the Exchange endpoint is in no-language mode in life, too. Their output is
made as the client takes it, so that a long one costs little memory and begins at once.
"""

from __future__ import annotations

import threading
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

from psrpcore import CreatePipelineEvent, PSRPPayload, ServerPipeline, ServerRunspacePool, StreamType
from psrpcore.types import (
    ErrorCategory,
    ErrorCategoryInfo,
    ErrorRecord,
    NETException,
    PSInvocationState,
)

from lab.exchange.powershell.cmdlet_contract import CmdletError, not_found
from lab.exchange.powershell.objects import Wire
from lab.exchange.powershell.pipeline import OF_WINDOWS, Command, stream
from lab.exchange.recipients import Row
from lab.exchange.state import ExchangeState
from lab.faults import Faults

SNAP_INS = {
    8: "Microsoft.Exchange.Management.PowerShell.Admin",
    14: "Microsoft.Exchange.Management.PowerShell.E2010",
    15: "Microsoft.Exchange.Management.PowerShell.SnapIn",
}
_ROWS = 200  # objects that are made at a time
_CHUNK = 100_000  # bytes of PSRP per envelope; base64 and the envelope must fit WinRM's 150 KiB


class Runspace:
    """A pool and its pipelines. `take` gives what is to be sent to the client, by pipeline (None: the pool)."""

    def __init__(self, state: ExchangeState, faults: Faults, *, exchange_ready: bool) -> None:
        self._state, self._faults = state, faults
        self._own_endpoint = exchange_ready  # False: an ordinary session, where the snap-in must be added first
        self._ready = exchange_ready
        self._pool = ServerRunspacePool()
        self._running: dict[uuid.UUID, Iterator[Row | CmdletError]] = {}  # output that is still to be made
        self._wires: dict[uuid.UUID, Wire] = {}
        self._out: defaultdict[uuid.UUID | None, deque[bytes]] = defaultdict(deque)
        self._change = threading.Condition()

    def feed(self, data: bytes, pipeline_id: uuid.UUID | None = None, *, hang: bool = False) -> None:
        """PSRP fragments from the client. A pipeline runs as soon as it is whole; hang: it never answers."""
        with self._change:
            if pipeline_id is not None and pipeline_id not in self._pool.pipeline_table:
                ServerPipeline(self._pool, pipeline_id)
            self._pool.receive_data(PSRPPayload(data, StreamType.default, pipeline_id))
            while (event := self._pool.next_event()) is not None:
                if isinstance(event, CreatePipelineEvent) and not hang:
                    self._run(self._pool.pipeline_table[event.pipeline_id], event.pipeline.commands)
            self._send()
            self._change.notify_all()

    def take(self, pipeline_id: uuid.UUID | None, seconds: float) -> tuple[list[bytes], bool]:
        """(the next chunk, whether the pipeline is done); waits for it. Nothing and not done: time ran out."""
        with self._change:
            while not self._out[pipeline_id] and pipeline_id in self._running:
                self._go_on(pipeline_id)
                self._send()
            self._change.wait_for(lambda: self._out[pipeline_id] or self._done(pipeline_id), seconds)
            queue = self._out[pipeline_id]
            chunks = [queue.popleft()] if queue else []
            return chunks, not queue and self._done(pipeline_id)

    def end(self, pipeline_id: uuid.UUID) -> None:
        """The client is done with a pipeline, or wants it stopped."""
        with self._change:
            self._pool.pipeline_table.pop(pipeline_id, None)
            self._running.pop(pipeline_id, None)
            self._wires.pop(pipeline_id, None)
            self._out.pop(pipeline_id, None)
            self._change.notify_all()

    def _done(self, pipeline_id: uuid.UUID | None) -> bool:
        if pipeline_id is None:
            return False
        pipeline = self._pool.pipeline_table.get(pipeline_id)
        return pipeline is None or pipeline.state in (PSInvocationState.Completed, PSInvocationState.Failed)

    def _send(self) -> None:
        while (payload := self._pool.data_to_send(_CHUNK)) is not None:
            self._out[payload.pipeline_id].append(payload.data)

    def _run(self, pipeline: ServerPipeline, commands: list[Any]) -> None:
        pipeline.start()
        self._wires[pipeline.pipeline_id] = Wire.of(
            own_endpoint=self._own_endpoint, version=self._state.version, faults=self._faults
        )
        try:
            self._running[pipeline.pipeline_id] = self._call(commands)
        except CmdletError as error:
            self._running[pipeline.pipeline_id] = iter((error,))
        self._go_on(pipeline.pipeline_id)

    def _go_on(self, pipeline_id: uuid.UUID) -> None:
        """Make the next objects of a pipeline, and end it where there are no more."""
        pipeline, objects = self._pool.pipeline_table[pipeline_id], self._running[pipeline_id]
        wire = self._wires[pipeline_id]
        try:
            for _ in range(_ROWS):
                row = next(objects)
                if isinstance(row, CmdletError):
                    if row.terminating:
                        raise row
                    self._write_error(pipeline, row)
                else:
                    pipeline.write_output(wire.row(*row))
        except StopIteration:
            del self._running[pipeline_id]
            pipeline.complete()
        except CmdletError as error:
            del self._running[pipeline_id]
            if error.terminating:
                pipeline._change_state(PSInvocationState.Failed, error=_record(error))
            else:
                self._write_error(pipeline, error)
                pipeline.complete()

    def _write_error(self, pipeline: ServerPipeline, error: CmdletError) -> None:
        record = _record(error)
        pipeline.write_error(record.Exception, record.CategoryInfo, None, record.FullyQualifiedErrorId)

    def _call(self, commands: list[Any]) -> Iterator[Row | CmdletError]:
        if any(command.is_script for command in commands):
            message = "The syntax is not supported by this runspace. This might be because it is in no-language mode."
            kind = "System.Management.Automation.PSNotSupportedException"
            raise CmdletError(message, kind, "ScriptsNotAllowed", "NotSpecified")
        asked: list[Command] = [
            (
                str(command.command_text),
                {name.lstrip("-").rstrip(":") if name else None: _plain(value) for name, value in command.parameters},
            )
            for command in commands
        ]
        cmdlet, given = asked[0]
        if cmdlet.lower() == "add-pssnapin" and not self._own_endpoint:
            return self._add_snap_in(given)
        if not self._ready and cmdlet.lower() not in {name.lower() for name in OF_WINDOWS}:
            raise not_found(cmdlet)
        return stream(self._state, asked)

    def _add_snap_in(self, given: Mapping[str | None, Any]) -> Iterator[Row | CmdletError]:
        name = str(given.get("Name", given.get(None)))
        kind = "System.Management.Automation.PSArgumentException"
        if name != SNAP_INS[self._state.major]:
            message = f"The Windows PowerShell snap-in '{name}' is not installed on this computer."
            raise CmdletError(message, kind, "AddPSSnapInRead,AddPSSnapinCommand", terminating=False)
        if self._ready:
            message = f"Cannot add Windows PowerShell snap-in {name} because it is already added."
            raise CmdletError(message, kind, "AddPSSnapInRead,AddPSSnapinCommand", terminating=False)
        self._ready = True
        return iter(())


def _plain(value: Any) -> Any:
    """A PSRP value as Python's own type."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value


def _record(error: CmdletError) -> ErrorRecord:
    exception = NETException(Message=error.message)
    exception.PSObject.type_names = [error.kind, "System.Exception", "System.Object"]
    category = ErrorCategoryInfo(
        Category=getattr(ErrorCategory, error.category), Reason=error.kind.rpartition(".")[2], Activity=""
    )
    return ErrorRecord(Exception=exception, CategoryInfo=category, FullyQualifiedErrorId=error.error_id)
