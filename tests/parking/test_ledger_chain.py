"""A ledger that shows tampering: changed, taken out, moved, repeated, put in, cut short; and what is no tampering."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from memory_engine import MemoryEngine, Parked
from parked_world import CutoverRun, PlayedStage, form_text, mx_change, new_plan
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import ArtifactSort
from prefect.settings import PREFECT_HOME, temporary_settings

from flows.rollback import _until_trusted, rollback
from mailmove.errors import Blocked
from mailmove.evidence import Receipt
from mailmove.leavable import LeavableKind
from mailmove.report.page import report_html
from tasks.engine.current import running_on
from tasks.engine.port import Rows
from tasks.engine.prefect_engine import PrefectEngine
from tasks.execution.context import Context
from tasks.execution.retry_policies import rollback_task
from tasks.execution.run_concurrently import run_concurrently
from tasks.ledger.chain import Break, Key, check_chain
from tasks.ledger.entry import EntryKind
from tasks.ledger.ledger import Ledger, checked_chain, read_rows
from tasks.ledger.ledger_key import SETTING
from tasks.ledger.payloads import LeftOut
from tasks.parking.resume import parked_runs
from tasks.reporting.collect import report_of_customer
from tasks.runbook import step_replaced

Stored = list[tuple[str, UUID]]
KEY = "ledger-contoso"


class TamperedEngine(MemoryEngine):
    """Its tables can be written by somebody who has the API, and not the key."""

    def tamper(self, change: Callable[[Stored], Stored]) -> None:
        self.store.tables[KEY] = change(list(self.store.tables[KEY]))


@pytest.fixture(autouse=True)
def home(tmp_path: Path) -> Iterator[Path]:
    with temporary_settings({PREFECT_HOME: tmp_path}):
        yield tmp_path


@pytest.fixture
def engine() -> Iterator[TamperedEngine]:
    """Six entries of a cutover, by two processes."""
    with running_on(TamperedEngine()) as engine:
        ledger = Ledger("contoso", engine.root)
        ledger.record(EntryKind.INTENT, "lower_ttl", changes=[mx_change("old", "low")])
        ledger.record(EntryKind.RECEIPT, "lower_ttl", changes=[mx_change("old", "low")])
        ledger.record(EntryKind.COMPLETED, "lower_ttl")
        another_process(engine)
        ledger = Ledger("contoso", engine.root)
        ledger.record(EntryKind.INTENT, "switch_mail", changes=[mx_change("low", "new")])
        ledger.record(EntryKind.RECEIPT, "switch_mail", changes=[mx_change("low", "new")])
        ledger.record(EntryKind.COMPLETED, "switch_mail")
        yield engine


def another_process(engine: MemoryEngine) -> None:
    """The same tables, as a process that has just started finds them."""
    before, engine.store = engine.store, type(engine.store)()
    engine.store.tables = before.tables


def breaks(engine: MemoryEngine) -> list[tuple[Break, str]]:
    return [(fault.kind, fault.entry) for fault in checked_chain("contoso", engine.root).faults]


def changed(index: int, change: Callable[[dict[str, Any]], None]) -> Callable[[Stored], Stored]:
    def on(stored: Stored) -> Stored:
        rows = json.loads(stored[index][0])
        change(rows[0])
        stored[index] = (json.dumps(rows), stored[index][1])
        return stored

    return on


def test_what_nobody_has_touched_is_whole(engine: TamperedEngine) -> None:
    checked = checked_chain("contoso", engine.root)
    assert (checked.faults, checked.entries, checked.unchained) == ((), 6, 0)
    assert f"chain of 6 entries is whole (key {checked.key})" in checked.words
    writers = {row["link"]["writer"] for row in read_rows("contoso")}
    assert len(writers) == 2, "each process is a writer of its own"


def other_before(row: dict[str, Any]) -> None:
    row["changes"][0]["before"] = "10 evil.example."


@pytest.mark.parametrize(
    "change",
    [
        other_before,
        lambda row: row.update(kind="evidence"),
        lambda row: row.update(stage="close_smtp_port"),
        lambda row: row.update(facts=["approved by anna"]),
        lambda row: row.update(at="2020-01-01T00:00:00Z"),
        lambda row: row["link"].update(number=9),
        lambda row: row["link"].update(seal="0" * 64),
        lambda row: row.update(more="a field that nobody reads"),
    ],
)
def test_an_entry_that_was_changed(engine: TamperedEngine, change: Callable[[dict[str, Any]], None]) -> None:
    engine.tamper(changed(4, change))
    assert breaks(engine)[0][0] is Break.CHANGED
    assert breaks(engine)[0][1].startswith("entry 5 (")


@pytest.mark.parametrize("index", range(6))
def test_an_entry_that_was_taken_out(engine: TamperedEngine, index: int) -> None:
    """The last one too: the worker that wrote it knows."""
    engine.tamper(lambda stored: stored[:index] + stored[index + 1 :])
    assert Break.MISSING in {kind for kind, _ in breaks(engine)}
    assert any("this worker wrote it" in fault.words for fault in checked_chain("contoso", engine.root).faults)


@pytest.mark.parametrize("length", range(6))
def test_a_ledger_that_was_cut_short(engine: TamperedEngine, length: int, home: Path) -> None:
    engine.tamper(lambda stored: stored[:length])
    assert len(breaks(engine)) == 6 - length
    for notes in (home / "mailmove-ledger" / "contoso").iterdir():
        notes.unlink()  # a worker on another machine: the chain alone does not know its end
    assert breaks(engine) == []


@pytest.mark.parametrize("length", [1, 2])
def test_a_writer_that_was_cut_short_under_another_one_is_seen_by_everybody(
    engine: TamperedEngine, length: int, home: Path
) -> None:
    for notes in (home / "mailmove-ledger" / "contoso").iterdir():
        notes.unlink()
    engine.tamper(lambda stored: stored[: 3 - length] + stored[3:])
    assert [kind for kind, _ in breaks(engine)] == [Break.MISSING]


def test_entries_that_changed_places(engine: TamperedEngine) -> None:
    engine.tamper(lambda stored: [stored[0], stored[2], stored[1], *stored[3:]])
    assert {kind for kind, _ in breaks(engine)} == {Break.MISSING, Break.MOVED}


def test_an_entry_that_is_repeated(engine: TamperedEngine) -> None:
    engine.tamper(lambda stored: [*stored, stored[1]])
    assert breaks(engine) == [(Break.MOVED, breaks(engine)[0][1])]


def test_an_entry_that_was_put_in(engine: TamperedEngine) -> None:
    """Without a link, with a link that follows, with one of a key that somebody made."""
    row = read_rows("contoso")[-1]
    bare = {key: value for key, value in row.items() if key != "link"}
    following = {**row, "link": {**row["link"], "number": 4, "previous": row["link"]["seal"], "seal": "f" * 64}}
    own = Key(b"somebody's own key, 32 characters")
    forged = {**row, "link": {**following["link"], "key": own.name}}
    forged["link"]["seal"] = own.seal("contoso", forged)
    for rows, kind in [(bare, Break.UNSEALED), (following, Break.CHANGED), (forged, Break.OTHER_KEY)]:
        with_it: Rows = [*read_rows("contoso"), rows]
        checked = check_chain("contoso", engine.root, with_it, _key())
        assert [fault.kind for fault in checked.faults] == [kind]


def _key() -> Key:
    from tasks.ledger.ledger_key import key_here

    key = key_here()
    assert key
    return key


def test_an_entry_of_another_customer_or_cutover_does_not_fit(engine: TamperedEngine) -> None:
    rows = read_rows("contoso")
    assert {fault.kind for fault in check_chain("fabrikam", engine.root, rows, _key()).faults} == {Break.CHANGED}
    other = uuid4()
    moved = [{**row, "cutover": str(other)} for row in rows]
    assert {fault.kind for fault in check_chain("contoso", other, moved, _key()).faults} == {Break.CHANGED}


def test_two_processes_that_write_at_the_same_time_are_no_tampering(engine: TamperedEngine) -> None:
    """A cutover that does not know yet that it is rolled back, and the rollback; and threads of each."""
    old, store = Ledger("contoso", engine.root), engine.store
    old.entries()
    another_process(engine)
    new, other = Ledger("contoso", engine.root), engine.store
    for number in range(5):
        engine.store = store
        old.record(EntryKind.EVIDENCE, "first_sync", facts=[str(number)])
        engine.store = other
        new.record(EntryKind.ROLLED_BACK, f"stage {number}")
    run_concurrently(lambda _: new.record(EntryKind.EVIDENCE, "copy"), [(number,) for number in range(40)], most=8)
    assert breaks(engine) == []
    assert checked_chain("contoso", engine.root).entries == 56


@pytest.mark.parametrize("stored", [True, False])
def test_an_entry_whose_answer_was_lost(engine: TamperedEngine, stored: bool) -> None:
    """Nobody knows whether the server has it: both ways the chain is whole."""
    write = engine.store.write_table

    def lost(*args: Any, **more: Any) -> None:
        if stored:
            write(*args, **more)
        raise ConnectionError("the answer was lost")

    engine.store.write_table = lost  # type: ignore[method-assign]
    ledger = Ledger("contoso", engine.root)
    with pytest.raises(ConnectionError):
        ledger.record(EntryKind.EVIDENCE, "first_sync")
    engine.store.write_table = write  # type: ignore[method-assign]
    ledger.record(EntryKind.EVIDENCE, "first_sync")
    ledger.record(EntryKind.COMPLETED, "first_sync")
    assert breaks(engine) == []


def test_a_ledger_of_an_older_mailmove_is_read_and_said_to_be_unchained(engine: TamperedEngine) -> None:
    def old(row: dict[str, Any]) -> None:
        del row["link"]
        row["version"] = 2

    for index in range(6):
        engine.tamper(changed(index, old))
    for notes in sorted((Path(PREFECT_HOME.value()) / "mailmove-ledger" / "contoso").iterdir()):
        notes.unlink()
    checked = checked_chain("contoso", engine.root)
    assert checked.words == "The ledger's 6 entries are not chained: an older Mailmove wrote them."
    another_process(engine)
    Ledger("contoso", engine.root).record(EntryKind.COMPLETED, "quiet")
    checked = checked_chain("contoso", engine.root)
    assert (checked.faults, checked.unchained) == ((), 6)
    assert "the first 6 were written by an older Mailmove, unchained" in checked.words


def test_where_the_key_is_not_the_chain_is_not_checked_and_no_key_is_made(engine: TamperedEngine, home: Path) -> None:
    (home / "ledger-key").unlink()
    assert "was not checked: its key is not on this machine" in checked_chain("contoso", engine.root).words
    assert not (home / "ledger-key").exists()


def test_the_key_is_made_once_for_its_owner_only_and_shown_nowhere(
    engine: TamperedEngine, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / "ledger-key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert not list(home.glob("ledger-key.*"))
    assert path.read_text() not in repr(_key()) + json.dumps(read_rows("contoso"))
    monkeypatch.setenv(SETTING, str(tmp_path / "shared"))
    another_process(engine)
    Ledger("contoso", engine.root).record(EntryKind.COMPLETED, "quiet")
    assert (tmp_path / "shared" / "ledger-key").stat().st_mode & 0o777 == 0o600
    assert {kind for kind, _ in breaks(engine)} == {Break.OTHER_KEY}, "the first six have the other one"


def test_a_file_that_holds_no_key_is_said(engine: TamperedEngine, home: Path) -> None:
    (home / "ledger-key").write_text("short")
    another_process(engine)
    with pytest.raises(Blocked, match="saw 5 characters"):
        Ledger("contoso", engine.root).record(EntryKind.COMPLETED, "quiet")


def asked(engine: TamperedEngine, cutover: UUID) -> str:
    """What a rollback asks before it puts anything back; '': nothing."""
    try:
        _until_trusted(new_plan().model_copy(update={"customer": "contoso"}), cutover)
    except Parked as question:
        engine.run = "root"
        return str(question)
    return ""


def answer(engine: TamperedEngine, asking: str, **values: Any) -> None:
    run = f"trouble[{asking}]"
    engine.parking.answers[(run, len(engine.parking.questions[run]))] = values


def test_a_rollback_by_a_ledger_that_is_whole_asks_nothing(engine: TamperedEngine) -> None:
    cutover, engine.root = engine.root, uuid4()
    assert asked(engine, cutover) == ""


def test_a_rollback_by_a_broken_ledger_asks_a_person_and_names_the_entry(engine: TamperedEngine) -> None:
    cutover, engine.root = engine.root, uuid4()
    stored = list(engine.store.tables[KEY])
    engine.tamper(changed(4, other_before))
    question = asked(engine, cutover)
    assert "contoso is held up at ledger." in question.splitlines()[0]
    assert "- entry 5 (receipt of switch_mail, " in question
    assert "it does not say what was sealed" in question and "go by the ledger as it stands" in question
    answer(engine, "ledger", name="anna", reason="mended")
    assert asked(engine, cutover), "it is not, and is asked again"
    answer(engine, "ledger.1", leave_out=True, name="", reason="")
    assert "name and reason must be given" in asked(engine, cutover)
    engine.store.tables[KEY] = stored + engine.store.tables[KEY][6:]
    answer(engine, "ledger.1", name="anna", reason="put back from the copy")
    assert asked(engine, cutover) == "", "mended"


def test_a_person_may_go_by_the_ledger_as_it_stands_and_is_asked_of_what_is_changed_after_that(
    engine: TamperedEngine,
) -> None:
    cutover, engine.root = engine.root, uuid4()
    engine.tamper(changed(4, other_before))
    assert asked(engine, cutover)
    answer(engine, "ledger", leave_out=True, name="anna", reason="the MX is right")
    assert asked(engine, cutover) == ""
    [(_, left)] = Ledger("contoso", engine.root).payloads(LeftOut)
    assert (left.by, left.things[0].kind) == ("anna", LeavableKind.ENTRY)
    engine.tamper(changed(1, other_before))
    assert "entry 2 (receipt of lower_ttl" in asked(engine, cutover), "another break"


@pytest.mark.parametrize("way", ["changed", "deleted"])
def test_what_the_api_can_do_to_a_ledger_is_seen_before_anything_is_put_back(
    prefect_server: None, nothing_parked: None, home: Path, way: str
) -> None:
    """At Prefect's own server: one artifact is changed, or deleted, by whoever has the API."""
    plan, cutover, undone = new_plan(), uuid4(), []
    ledger = Ledger(plan.customer, cutover)
    with running_on(PrefectEngine()):
        ledger.record(EntryKind.INTENT, "switch_mail", changes=[mx_change("old", "new")])
        ledger.record(EntryKind.RECEIPT, "switch_mail", changes=[mx_change("old", "new")])
        with get_client(sync_client=True) as client:
            key = ArtifactFilterKey(any_=[f"ledger-{plan.customer}"])
            last = client.read_artifacts(artifact_filter=ArtifactFilter(key=key), sort=ArtifactSort.CREATED_DESC)[0]
            if way == "changed":
                rows = read_rows(plan.customer)[-1:]
                other_before(rows[0])
                client.request("PATCH", f"/artifacts/{last.id}", json={"data": json.dumps(rows)})
            else:
                client.delete_artifact(last.id)

        @rollback_task
        def put_back(context: Context, receipt: Receipt) -> Receipt:
            undone.append(receipt)
            return receipt

        played = PlayedStage("switch_mail", "do it", verbs={"rollback": put_back})
        with step_replaced(played):
            back = CutoverRun(rollback, plan)
            assert back.go_on() is None, "it has parked"
        [question] = parked_runs(StateType.PAUSED)
        assert (question.flow, question.name, question.root.id) == ("trouble", "ledger", back.id)
        wanted = "it does not say what was sealed" if way == "changed" else "this worker wrote it, and it is not there"
        assert "receipt of switch_mail" in form_text(question) and wanted in form_text(question)
        assert undone == []
        report = report_of_customer(plan.customer, cutover)
        assert report.ledger_broken and report.ledger.startswith("The ledger's chain is broken. entry 2 (")
        assert "This report is not to be trusted." in report_html(report.model_copy(update={"steps": []}))
