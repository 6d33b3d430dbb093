"""Tables and pages kept as Prefect artifacts, and secrets as Prefect's own secret blocks."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from prefect.blocks.system import Secret
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

from mailmove.shown_text import markdown_page
from tasks.engine.port import Rows, Store, Vault
from tasks.engine.prefect_internals import replace_artifact, rows_of_table

_PAGE = 200
"""Number of artifacts asked for at once."""


class ArtifactStore(Store):
    """Prefect artifacts are versioned by key and outlive the worker."""

    def write_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        self._write(key, "table", json.dumps(rows), description, flow_run)

    def write_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        self._write(key, "markdown", markdown_page(text), description, flow_run)

    def _write(self, key: str, kind: str, data: str, description: str, flow_run: UUID) -> None:
        artifact = ArtifactCreate(
            key=key, type=kind, description=markdown_page(description), data=data, flow_run_id=flow_run
        )
        with get_client(sync_client=True) as client:
            client.create_artifact(artifact)

    def rewrite_table(self, key: str, rows: Rows, *, description: str, flow_run: UUID) -> None:
        self._rewrite(key, "table", json.dumps(rows), description, flow_run)

    def rewrite_markdown(self, key: str, text: str, *, description: str, flow_run: UUID) -> None:
        self._rewrite(key, "markdown", markdown_page(text), description, flow_run)

    def _rewrite(self, key: str, kind: str, data: str, description: str, flow_run: UUID) -> None:
        chosen = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=[key]))
        with get_client(sync_client=True) as client:
            newest = client.read_latest_artifacts(artifact_filter=chosen, limit=1)
            if newest and replace_artifact(client, newest[0].latest_id, data, markdown_page(description)):
                return
        self._write(key, kind, data, description, flow_run)

    def read_versions(self, key: str) -> list[Rows]:
        versions: list[Rows] = []
        chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        with get_client(sync_client=True) as client:
            while True:
                page = client.read_artifacts(
                    artifact_filter=chosen, sort=ArtifactSort.CREATED_DESC, limit=_PAGE, offset=len(versions)
                )
                versions += [_rows(artifact) for artifact in page]
                if len(page) < _PAGE:
                    return versions

    def read_latest(self, keys: list[str]) -> dict[str, Rows]:
        tables: dict[str, Rows] = {}
        with get_client(sync_client=True) as client:
            for start in range(0, len(keys), _PAGE):
                chosen = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=keys[start : start + _PAGE]))
                for newest in client.read_latest_artifacts(artifact_filter=chosen, limit=_PAGE):
                    tables[str(newest.key)] = _rows(newest)
        return tables

    def read_of_run(self, flow_run: UUID, keys: list[str]) -> dict[str, Rows]:
        tables: dict[str, Rows] = {}
        wrote = ArtifactFilterFlowRunId(any_=[flow_run])
        with get_client(sync_client=True) as client:
            for key in keys:
                chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[key]), flow_run_id=wrote)
                newest = client.read_artifacts(artifact_filter=chosen, sort=ArtifactSort.CREATED_DESC, limit=1)
                if newest:
                    tables[key] = _rows(newest[0])
        return tables


class SecretBlocks(Vault):
    """Prefect's secret blocks."""

    def read(self, name: str) -> Any | None:
        try:
            block = Secret.load(name)
        except ValueError:
            return None
        return block.get()  # type: ignore[union-attr]  # sync here, so no coroutine

    def write(self, name: str, json_text: str) -> None:
        Secret(value=json_text).save(name, overwrite=True)


def _rows(artifact: Artifact | ArtifactCollection) -> Rows:
    return rows_of_table(artifact.data)
