"""What of Prefect's API is atomic, and what can be replaced: the ground under the claims and the notes of polls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import VariableCreate
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.exceptions import ObjectAlreadyExists
from runs_by_hand import RootRun, differs, needs_server

from mailmove.shown_text import markdown_page
from tasks.engine import prefect_internals as internals
from tasks.engine.prefect_store import ArtifactStore

pytestmark = needs_server


def create(name: str, value: str) -> bool:
    with get_client(sync_client=True) as client:
        try:
            client.create_variable(VariableCreate(name=name, value=value))
        except ObjectAlreadyExists:
            return False
    return True


def test_of_many_who_create_a_variable_one_does() -> None:
    for _ in range(3):
        name = f"contract-{uuid4().hex}"
        with ThreadPoolExecutor(8) as creators:
            made = list(creators.map(lambda number, name=name: create(name, str(number)), range(8)))
        assert sum(made) == 1, differs(f"of eight creators {sum(made)} were told that they are the first.", "claims.")


def test_who_deletes_or_replaces_by_id_never_meets_the_one_that_took_its_place() -> None:
    name = f"contract-{uuid4().hex}"
    with get_client(sync_client=True) as client:
        assert create(name, "first")
        first = client.read_variable_by_name(name)
        assert first is not None
        internals.replace_variable(client, first.id, {"run": "x"})
        replaced = client.read_variable_by_name(name)
        assert replaced is not None and (replaced.id, replaced.value) == (first.id, {"run": "x"})
        internals.delete_variable(client, first.id)
        assert create(name, "second")
        internals.delete_variable(client, first.id)
        internals.replace_variable(client, first.id, "third")
        second = client.read_variable_by_name(name)
        assert second is not None and second.value == "second", differs("an id outlives its variable.", "claims.")


def test_all_variables_are_read_page_by_page() -> None:
    names = {f"contract-{uuid4().hex}" for _ in range(internals._PAGE + 1)}
    with ThreadPoolExecutor(8) as creators:
        assert all(creators.map(lambda name: create(name, "x"), names))
    with get_client(sync_client=True) as client:
        assert names <= {variable.name for variable in internals.all_variables(client)}


def test_a_rewritten_table_is_no_new_version_and_one_that_is_gone_is_written() -> None:
    run, key, store = RootRun(lambda: None).id, f"poll-{uuid4()}", ArtifactStore()
    store.rewrite_table(key, [{"n": 1}], description="one", flow_run=run)
    store.rewrite_table(key, [{"n": 2}], description="two", flow_run=run)
    store.write_table(key, [{"n": 3}], description="three", flow_run=run)
    store.rewrite_table(key, [{"n": 4}], description="four", flow_run=run)
    assert store.read_versions(key) == [[{"n": 4}], [{"n": 2}]]
    assert store.read_latest([key]) == {key: [{"n": 4}]}
    with get_client(sync_client=True) as client:
        newest = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
        assert {artifact.description for artifact in newest} == {"two", "four"}
        client.delete_artifact(newest[0].id)
        assert internals.replace_artifact(client, newest[0].id, "[]", "gone") is False


def test_a_rewritten_page_goes_through_the_door_as_a_new_one_does() -> None:
    run, key, store = RootRun(lambda: None).id, f"picture-{uuid4()}", ArtifactStore()
    words = "[click](http://evil.example) <img src=x>"
    for write in (store.rewrite_markdown, store.write_markdown, store.rewrite_markdown):
        write(key, words, description=words, flow_run=run)
    with get_client(sync_client=True) as client:
        pages = client.read_artifacts(artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])))
    shown = {str(page.data) for page in pages} | {str(page.description) for page in pages}
    assert len(pages) == 2 and shown == {markdown_page(words)}
