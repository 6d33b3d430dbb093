"""Mailmove on the parts of a large installation: PostgreSQL, Redis, two API replicas, services, two workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from real_parts import require

from deployments.server.box import Box, end_group
from deployments.server.registration import POOL
from lab.places import free_ports

_NOBODY = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]  # PostgreSQL refuses to run as root


class PostgreSql:
    """A cluster of its own in `folder`; `restart` kills it as a fail-over does."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_ports(1)[0]
        self._programs = Path(_postgresql("initdb")).parent
        folder.mkdir(mode=0o700)
        self._as_nobody = _NOBODY if os.geteuid() == 0 else []
        if self._as_nobody:
            shutil.chown(folder, "nobody", "nogroup")
        self._run("initdb", "-D", str(folder / "data"), "-U", "prefect", "--auth=trust", "-E", "UTF8", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "prefect", "prefect")

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://prefect@127.0.0.1:{self.port}/prefect"

    def start(self) -> None:
        """Returns when it answers."""
        words = ["-D", str(self.folder / "data"), "-p", str(self.port), "-h", "127.0.0.1", "-k", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._as_nobody, str(self._programs / "postgres"), *words, "-c", "max_connections=300"],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while self._ask("pg_isready", "-h", "127.0.0.1", "-p", str(self.port)):
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.2)

    def restart(self) -> None:
        """Every connection is cut in the middle of its work; it comes back on the same data."""
        self.process.send_signal(signal.SIGQUIT)  # PostgreSQL's immediate shutdown: no checkpoint, as after a crash
        self.process.wait(30)
        self.start()

    def stop(self) -> None:
        end_group(self.process)

    def _ask(self, program: str, *words: str) -> int:
        command = [*self._as_nobody, str(self._programs / program), *words]
        return subprocess.run(command, capture_output=True, check=False, timeout=120, cwd="/").returncode

    def _run(self, program: str, *words: str) -> None:
        command = [*self._as_nobody, str(self._programs / program), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd="/")
        assert done.returncode == 0, done.stdout + done.stderr


def _postgresql(program: str) -> str:
    """Debian keeps the server's programs outside of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(found[-1]) if found else require(program)


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """The port of a redis-server of its own."""
    (port,) = free_ports(1)
    words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([require("redis-server"), *words], stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield port
    finally:
        end_group(process)


class BigBox(Box):
    """Two API replicas and two workers, each worker on a host of its own as far as Prefect can tell.

    The hosts share nothing but the folder of results, as two hosts share a bucket.
    """

    def __init__(self, home: Path, database: PostgreSql, redis_port: int) -> None:
        super().__init__(
            home,
            settings={
                "PREFECT_SERVER_DATABASE_CONNECTION_URL": database.url,
                "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
                "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
                "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
                "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
                "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis_port}/1",
                "PREFECT_REDIS_MESSAGING_URL": f"redis://127.0.0.1:{redis_port}/0",
                "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(home / "results"),
            },
        )
        self.database, self.second = database, free_ports(1)[0]

    def start_server(self) -> None:
        """Two replicas of the API, and the services that make one of them start what is due."""
        self.prefect("server", "database", "upgrade", "-y")
        for name, port in (("api-1", self.port), ("api-2", self.second)):
            self.spawn_api(name, port, "--no-services")
        self.spawn("services", "server", "services", "start", **self.server_settings)
        self.wait_until_healthy("api-1", self.port)
        self.wait_until_healthy("api-2", self.second)

    def start_worker(self) -> None:
        # Not by the workers' own `--limit`: see docs/scale-out.md.
        self.prefect("work-queue", "set-concurrency-limit", "default", "8", "--pool", POOL)
        self.start_worker_on("host-1", self.port)
        self.start_worker_on("host-2", self.second)

    def start_worker_on(self, host: str, port: int) -> None:
        """A worker that talks to one of the replicas, and has a home of its own."""
        (self.home / host).mkdir(exist_ok=True)
        self.spawn(
            host, "worker", "start", "--pool", POOL, "--name", host,
            PREFECT_API_URL=f"http://127.0.0.1:{port}/api",
            PREFECT_HOME=str(self.home / host),
        )  # fmt: skip
