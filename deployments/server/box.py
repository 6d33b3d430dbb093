"""Run a whole Mailmove on this machine: a Prefect server, a process worker, the deployments. Nothing outlives it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import certifi

from deployments.server.registration import POOL, ROOT, registration_words

_START_SECONDS = 120.0
"""Seconds in which a part must start, or a `prefect` command end."""
_ONE_ROOT = "one-root.pem"
"""File name of a single trusted root. Prefect's clients read all roots, 30 ms each time, ten times in a flow run; here
they speak to the loopback address without TLS, so one root is enough."""


class Box:
    """`with Box(home) as box:` starts server and worker; `box.env` points any Prefect client at them.

    home: folder for the database, results and logs. port: of the server; None: a free one. settings: more of Prefect's
    own. Raises RuntimeError with the log's tail when a part does not start.
    """

    def __init__(self, home: Path, *, port: int | None = None, settings: dict[str, str] | None = None) -> None:
        self.home = home
        self.port = port or _free_port()
        self.env = {
            **os.environ,
            # The pool starts flow runs by `python`: it must be this one.
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
            "PREFECT_API_SSL_CERT_FILE": str(home / _ONE_ROOT),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
            "PREFECT_SERVER_CONCURRENCY_INITIAL_DEPLOYMENT_LEASE_DURATION": "30",
            # It reads three rows for every question that is open, one by one; the watch closes those of ended cutovers.
            "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_LOOP_SECONDS": "3600",
            # It reads everything that is parked, for pauses that end by themselves; Mailmove's do not.
            "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "3600",
            "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "60",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            # SQLite has one writer: when many resume at once, it answers 503 for minutes; who gave up would be Failed.
            "PREFECT_CLIENT_MAX_RETRIES": "8",
            "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false",  # this server asks for no such token; clients ask it first
            "PREFECT_CLI_PROMPT": "false",
            "DO_NOT_TRACK": "1",
            "PYTHONUNBUFFERED": "1",
            **(settings or {}),
        }
        self.parts: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def ui(self) -> str:
        """Address of the Prefect UI."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.home.mkdir(parents=True, exist_ok=True)
        try:
            self.start_server()
            for words in registration_words():
                self.prefect(*words)
            self.start_worker()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start_server(self) -> None:
        """Start the server, or start it again after a crash, on the same port and database; return when it answers."""
        words = ("server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        self.spawn("server", *words, by="deployments.server.sqlite_begin_immediate")
        self.wait_until_healthy("server", self.ui)

    def start_worker(self) -> None:
        """Start the process worker, or start it again."""
        self.spawn("worker", "worker", "start", "--pool", POOL, "--name", "box")

    def prefect(self, *words: str) -> str:
        """Run a `prefect` command against this server; RuntimeError with its output when it fails."""
        done = subprocess.run(  # noqa: S603  # our own words
            [sys.executable, "-m", "prefect", "--no-prompt", *words],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_START_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"prefect {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def ended_part(self) -> str | None:
        """Name and end of the log of a part that has ended by itself; None: all parts run."""
        for name, process in self.parts.items():
            if process.poll() is not None:
                return f"the Prefect {name} ended with status {process.returncode}:\n{self._last_words(name)}"
        return None

    def stop(self) -> None:
        """End worker and server with all that they started: TERM, then KILL; the last started first."""
        for name in reversed(list(self.parts)):
            end_group(self.parts.pop(name))

    def spawn(self, name: str, *words: str, by: str = "prefect", **settings: str) -> None:
        """Start a part: `prefect` with these words, and with these settings besides the box's own.

        by: module that is run, which takes Prefect's words.
        """
        _write_one_root(self.home / _ONE_ROOT)
        with (self.home / f"{name}.log").open("ab") as log:
            self.parts.pop(name, None)  # one that has ended; the new one is the last started
            self.parts[name] = subprocess.Popen(  # noqa: S603  # our own words
                [sys.executable, "-m", by, *words],
                env={**self.env, **settings},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    def wait_until_healthy(self, name: str, address: str) -> None:
        """Return when the API at `address` answers; RuntimeError with the part's last words when it does not."""
        end = time.monotonic() + _START_SECONDS
        while not _healthy(address):
            if self.parts[name].poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the Prefect {name} did not start:\n{self._last_words(name)}")
            time.sleep(0.2)

    def _last_words(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")[-2000:]


def _write_one_root(path: Path) -> None:
    """Write the file once, atomically: the other parts read it while this one starts."""
    if not path.exists():
        end, new = "-----END CERTIFICATE-----\n", path.with_suffix(".new")
        new.write_text(Path(certifi.where()).read_text("ascii").partition(end)[0] + end)
        new.rename(path)


@contextlib.contextmanager
def using(box: Box) -> Iterator[None]:
    """Point the Prefect clients of this process, and of those that it starts meanwhile, at this box."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    from tasks.engine.prefect_internals import one_client, send_everything_queued

    before = {name: value for name, value in os.environ.items() if name.startswith("PREFECT_")}
    _set({name: value for name, value in box.env.items() if name.startswith("PREFECT_")})
    try:
        with temporary_settings({PREFECT_API_URL: box.env["PREFECT_API_URL"], PREFECT_HOME: box.home}):
            with one_client():
                yield
            send_everything_queued()
    finally:
        _set(before)


def _set(settings: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(settings)


def _healthy(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/api/health", timeout=2) as answer:  # noqa: S310  # loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def end_group(process: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """Send TERM, and KILL after `patience` seconds, to a process and all that it started in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):  # the next line does not ask
        process.wait(patience)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _die_with_parent() -> None:
    """On Linux: end the started process when this one is killed, even with -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
