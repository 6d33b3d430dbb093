"""Tables kept as Prefect artifacts: each write is a new version of its key, none is ever changed."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import (
    ArtifactCollectionFilter,
    ArtifactCollectionFilterKey,
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
)
from prefect.client.schemas.objects import Artifact, ArtifactCollection
from prefect.client.schemas.sorting import ArtifactSort

from tasks.engine.prefect_internals import rows_of_table

Rows = list[dict[str, Any]]
_PAGE = 200


def write_table(key: str, rows: Rows, *, description: str, flow_run: UUID, task_run: UUID | None = None) -> None:
    """Append a version; returns when the server has it. Rows are JSON values."""
    table = ArtifactCreate(
        key=key,
        type="table",
        description=description,
        data=json.dumps(rows),
        flow_run_id=flow_run,
        task_run_id=task_run,
    )
    with get_client(sync_client=True) as client:
        client.create_artifact(table)


def write_markdown(key: str, text: str, *, description: str, flow_run: UUID) -> None:
    """Append a version of a page of Markdown; returns when the server has it."""
    page = ArtifactCreate(key=key, type="markdown", description=description, data=text, flow_run_id=flow_run)
    with get_client(sync_client=True) as client:
        client.create_artifact(page)


def read_versions(key: str) -> list[Rows]:
    """Every version of a table, newest first."""
    found: list[Rows] = []
    chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
    with get_client(sync_client=True) as client:
        while True:
            page = client.read_artifacts(
                artifact_filter=chosen, sort=ArtifactSort.CREATED_DESC, limit=_PAGE, offset=len(found)
            )
            found += [_rows(artifact) for artifact in page]
            if len(page) < _PAGE:
                return found


def read_latest(keys: list[str]) -> dict[str, Rows]:
    """The newest version of each table that exists, in few requests."""
    found: dict[str, Rows] = {}
    with get_client(sync_client=True) as client:
        for start in range(0, len(keys), _PAGE):
            chosen = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=keys[start : start + _PAGE]))
            for newest in client.read_latest_artifacts(artifact_filter=chosen, limit=_PAGE):
                found[str(newest.key)] = _rows(newest)
    return found


def read_of_run(flow_run: UUID, keys: list[str]) -> dict[str, Rows]:
    """The newest version of each table that one flow run wrote; later runs may have written others since."""
    found: dict[str, Rows] = {}
    wrote = ArtifactFilterFlowRunId(any_=[flow_run])
    with get_client(sync_client=True) as client:
        for key in keys:
            chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[key]), flow_run_id=wrote)
            newest = client.read_artifacts(artifact_filter=chosen, sort=ArtifactSort.CREATED_DESC, limit=1)
            if newest:
                found[key] = _rows(newest[0])
    return found


def _rows(artifact: Artifact | ArtifactCollection) -> Rows:
    return rows_of_table(artifact.data)
