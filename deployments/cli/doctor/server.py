"""The Prefect server in use: which one, whether it answers, and what is needed there besides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import WorkerStatus
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

POOL = "mailmove"
DEPLOYMENTS = ("cutover", "preflight", "rollback", "watch")
_HOW = "Start a box with `mailmove up`; commands find it by themselves. Another server is named by PREFECT_API_URL."


def server_url() -> str | None:
    """Address of the API in use; None: none is set, and Prefect would make up a temporary one."""
    url: str | None = PREFECT_API_URL.value()
    return url


def server_trouble() -> tuple[str, str] | None:
    """(what is wrong with the server in use, what to do); None: it answers as a Prefect server does."""
    url = server_url()
    if not url:
        return "no Prefect server is named: PREFECT_API_URL is not set, by the environment or the profile", _HOW
    with get_client(sync_client=True) as client:
        failure = client.api_healthcheck()
        if failure is not None:
            return f"{url} does not answer ({type(failure).__name__})", f"Is it running? {_HOW}"
        if not version_at(client):
            todo = "The address ends in /api, as `mailmove up` prints it."
            return f"{url} answers, and not as a Prefect server", todo
    return None


def version_at(client: SyncPrefectClient) -> str:
    """Version of the server; '': what answers names none."""
    try:
        return client.api_version()
    except Exception:  # noqa: BLE001  # whatever it is that answers, it is no Prefect server
        return ""


def live_workers(client: SyncPrefectClient) -> list[str] | None:
    """Names of the workers of our pool that are alive; None: there is no such pool."""
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        return None
    workers = client.read_workers_for_work_pool(POOL)
    recent = datetime.now(UTC) - timedelta(minutes=2)
    return [
        worker.name
        for worker in workers
        if worker.status == WorkerStatus.ONLINE and worker.last_heartbeat_time and worker.last_heartbeat_time > recent
    ]


def missing_deployments(client: SyncPrefectClient) -> list[str]:
    """Deployments that the server lacks, as flow/deployment."""
    missing = []
    for name in DEPLOYMENTS:
        try:
            client.read_deployment_by_name(f"{name}/{name}")
        except ObjectNotFound:
            missing.append(f"{name}/{name}")
    return missing
