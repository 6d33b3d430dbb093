"""A block that is incomplete or wrong says which field, and no word of what stands in its fields."""

from __future__ import annotations

import io
import logging
import pickle
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
from broken_blocks import EVERY_BLOCK, SECRET, Broken, broken, whole
from prefect import flow, get_client
from prefect.blocks.core import Block
from prefect.client.schemas.actions import BlockDocumentCreate, BlockDocumentUpdate
from prefect.client.schemas.filters import LogFilter
from prefect.client.schemas.objects import BlockDocument, BlockSchema, BlockType
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL, PREFECT_HOME
from pydantic import ValidationError
from rich.console import Console
from rich.traceback import Traceback

from blocks import ALL_BLOCKS, block_class
from blocks.provider_block import ProviderBlock
from mailmove.errors import Blocked
from tasks.engine import prefect_blocks
from tasks.execution.open_blocks import open_block

NAMES = {kind.__name__: kind for kind in EVERY_BLOCK}
prefect_blocks.install()


def document(case: Broken) -> BlockDocument:
    slug = case.kind.get_block_type_slug()
    kind = BlockType(name=slug, slug=slug)
    return BlockDocument.model_construct(
        id=None, name="x", data=case.data, block_type=kind, block_type_name=slug, block_type_id=kind.id,
        block_schema=BlockSchema.model_construct(checksum=case.kind._calculate_schema_checksum()),
        block_schema_id=None, is_anonymous=False, block_document_references={},
    )  # fmt: skip


def everything_of(error: BaseException) -> str:
    """All that any log, terminal or store could make of an exception, and of every one that hangs on it."""
    shown, known, waiting = [], set[int](), [error]
    while waiting:
        each = waiting.pop()
        if id(each) in known:
            continue
        known.add(id(each))
        shown += [str(each), repr(each), repr(each.args), repr(vars(each))]
        waiting += [more for more in (each.__cause__, each.__context__) if more is not None]
    shown += traceback.format_exception(error)
    shown.append(repr(pickle.loads(pickle.dumps(error))) if not isinstance(error, AttributeError) else "")
    shown.append(str(cloudpickle.dumps(error)))
    return "\n".join(shown)


@pytest.mark.parametrize("name", NAMES)
def test_no_broken_field_shows_a_secret(name: str, capfd: pytest.CaptureFixture[str], caplog: Any) -> None:
    refused = 0
    for case in broken(NAMES[name]):
        try:
            block = NAMES[name]._load_from_block_document(document(case))
        except Blocked as error:
            refused += 1
            assert SECRET not in everything_of(error), case.name
            assert error.seen and error.todo
        else:
            if case.name == "a field too many":
                assert SECRET not in repr(block) + str(block) + f"{block}"
    assert refused > 10
    out = "".join(capfd.readouterr()) + caplog.text
    assert SECRET not in out


@pytest.mark.parametrize("kind", ALL_BLOCKS, ids=lambda kind: kind.__name__)
def test_our_own_errors_hide_what_was_typed_in(kind: type[Block]) -> None:
    """Also where nobody opens a block through us: in a notebook, on the server."""
    assert kind.model_config.get("hide_input_in_errors") is True
    assert issubclass(kind, ProviderBlock) or kind.__name__ == "MailNotice"
    for case in broken(kind):
        if case.name == "another type" or case.name.endswith("a dict"):
            continue  # pydantic names the type and a dict's key; opened through us (above), they are not
        try:
            kind.model_validate(case.data)
        except ValidationError as error:
            assert SECRET not in str(error), case.name
        except (AttributeError, TypeError):  # prefect_aws, of a document that is no dict
            assert "credentials" in case.name or "every" in case.name


def test_a_missing_field_is_named() -> None:
    kind = block_class("exchange-server")
    left = {key: value for key, value in whole(kind).items() if key != "shell_url"}
    with pytest.raises(Blocked) as refused:
        kind._load_from_block_document(document(Broken(kind, left, "")))
    assert refused.value.seen == "shell_url: is missing"
    assert refused.value.wanted == "the block exchange-server/x"
    assert refused.value.__context__ is None and refused.value.__cause__ is None


WHOLLY = ("nothing at all", "every field nested", "every field an address with an account", "every field a cut secret")
FEW = ("shell_url missing", "credentials nested", "url an address with an account", "nothing at all")


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)])
@pytest.mark.usefixtures("prefect_server")
@pytest.mark.timeout(1800)
def test_nothing_of_it_stands_anywhere_at_a_real_server(
    every: bool, capfd: pytest.CaptureFixture[str], caplog: Any, tmp_path: Path
) -> None:
    """Saved by the API as the form saves it, opened in a run by its name and by a form's id; then all is searched."""
    logging.getLogger().setLevel(logging.DEBUG)
    name = "broken-every" if every else "broken-few"
    kinds = EVERY_BLOCK if every else [block_class("exchange-server"), block_class("route53"), NAMES["SlackWebhook"]]
    seen: list[BaseException] = []

    @flow(name="opens-one", retries=0)
    def opens(reference: str) -> None:
        open_block(reference, Block)

    @flow(name="is-given-one", retries=0)
    def is_given(block: Any) -> None:
        assert block is not None

    runs = []
    with get_client(sync_client=True) as client:
        for kind in kinds:
            kind.register_type_and_schema(_sync=True)  # type: ignore[call-arg]
            made = client.create_block_document(
                BlockDocumentCreate(
                    name=name, data={}, block_type_id=kind._block_type_id, block_schema_id=kind._block_schema_id
                )
            )
            cases = [case for case in broken(kind) if case.name in (WHOLLY if every else FEW)]  # all of them: above
            for number, case in enumerate(cases):
                client.update_block_document(made.id, BlockDocumentUpdate(data=case.data, merge_existing_data=False))
                reference = f"{kind.get_block_type_slug()}/{name}"
                by_form = {"$ref": {"block_document_id": str(made.id)}}
                ways: list[tuple[Any, Any]] = [(opens, reference), (is_given, by_form)]
                for run, parameter in [ways[number % 2]] if every else ways:
                    try:
                        run(parameter)
                    except Exception as error:  # noqa: BLE001  # what a run ends with
                        assert isinstance(error, Blocked), (case.name, error)
                        seen.append(error)
        runs = client.read_flow_runs(limit=200)
        logs = client.read_logs(LogFilter(), limit=200)
    assert len(seen) >= (len(EVERY_BLOCK) * 3 if every else 8)
    shown = "".join(capfd.readouterr()) + caplog.text
    shown += "".join(everything_of(error) for error in seen)
    shown += "".join(run.model_dump_json() for run in runs) + "".join(log.message for log in logs)
    console = Console(file=io.StringIO(), width=200)
    for error in seen:
        console.print(Traceback.from_exception(type(error), error, error.__traceback__))
    shown += console.file.getvalue()  # type: ignore[attr-defined]
    assert SECRET not in shown
    stored = [without_the_forms_own_events(tmp_path)]
    stored += [path for path in (PREFECT_HOME.value() / "storage").rglob("*") if path.is_file()]
    for path in stored:
        assert SECRET.encode() not in path.read_bytes(), path


def without_the_forms_own_events(folder: Path) -> Path:
    """The server's database without the event of each saved block.

    Prefect itself tells in it what stands in the fields that are no secrets, as its API and its form do; no secret
    field does (docs/security.md).
    """
    kept = folder / "kept.db"
    database = str(PREFECT_API_DATABASE_CONNECTION_URL.value()).partition("///")[2]
    with closing(sqlite3.connect(database)) as server, closing(sqlite3.connect(kept)) as copy:
        server.backup(copy)
        own = "event in ('prefect.block-document.created', 'prefect.block-document.updated')"
        assert copy.execute(f"delete from events where {own}").rowcount > 0
        copy.commit()
        copy.execute("vacuum")
    return kept
