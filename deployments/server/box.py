"""Run a whole Mailmove on this machine: a Prefect server, a process worker, the deployments. Nothing outlives it."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import hmac
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import certifi

from deployments.server.guard import CHALLENGE, PROOF, proof
from deployments.server.home import TEMPORARY, HomeLock, empty_temporary_folder, prepare_home, write_profile
from deployments.server.kept_secrets import api_string, block_key
from deployments.server.proxies import spare_loopback
from deployments.server.registration import POOL, ROOT, registration_words
from deployments.server.restore import check_that_no_restore_was_cut_short
from mailmove.errors import Blocked

RETENTION = {
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P2D",
    # Seconds. An event takes 6 kB with its indexes; these, of a watch started each minute, are 40 MB a day.
    # A run's states are kept beside its events. Silence is judged by heartbeats (tasks/parking/detect_zombies.py).
    "PREFECT_SERVER_SERVICES_DB_VACUUM_EVENT_RETENTION_OVERRIDES": (
        '{"prefect.flow-run.heartbeat": 7200, "prefect.flow-run.Scheduled": 7200, "prefect.flow-run.Pending": 7200, '
        '"prefect.flow-run.Running": 7200, "prefect.flow-run.Completed": 7200, "prefect.flow-run.Cancelled": 7200}'
    ),
    # Nothing but events: with an old run it would delete that run's ledger, and the ledgers of runs that are gone.
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events",
}
"""What Prefect's server deletes by itself, and when; compose and Kubernetes have the same (docs/keeping.md)."""
_START_SECONDS = 120.0
"""Seconds in which a part must start, or a `prefect` command end."""
_ONE_ROOT = "one-root.pem"
"""File name of a single trusted root. Prefect's clients read all roots, 30 ms each time, ten times in a flow run; here
they speak to the loopback address without TLS, so one root is enough."""


class Box:
    """`with Box(home) as box:` starts server and worker; `box.env` points any Prefect client at them.

    home: folder for the database, results, logs and the two secrets; the box has it alone. port: of the server; None: a
    free one. settings: more of Prefect's own. Raises Blocked when somebody else has home or port, before anything is
    touched; RuntimeError with the log's tail when a part does not start.
    """

    def __init__(self, home: Path, *, port: int | None = None, settings: dict[str, str] | None = None) -> None:
        self.home = home
        self.port = port or _free_port()
        prepare_home(home)
        self._lock = HomeLock(home)
        self._socket: socket.socket | None = None
        self._string = api_string(home)
        self.env = {
            **os.environ,
            **spare_loopback(os.environ),
            "TMPDIR": str(home / TEMPORARY),
            # The pool starts flow runs by `python`: it must be this one.
            "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
            "PREFECT_HOME": str(home),
            "PREFECT_API_URL": f"http://127.0.0.1:{self.port}/api",
            "PREFECT_API_AUTH_STRING": self._string,
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
            **RETENTION,
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            # SQLite has one writer: when many resume at once, it answers 503 for minutes; who gave up would be Failed.
            "PREFECT_CLIENT_MAX_RETRIES": "8",
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

    def headers(self) -> dict[str, str]:
        """What a request carries that Prefect's client does not send: sign-in, and a token against CSRF."""
        basic = {"Authorization": f"Basic {base64.b64encode(self._string.encode()).decode()}"}
        client = secrets.token_hex(8)
        asked = urllib.request.Request(f"{self.ui}/api/csrf-token?client={client}", headers=basic)  # noqa: S310  # our own
        with _DIRECT.open(asked, timeout=60) as answer:
            token = json.load(answer)["token"]
        return {**basic, "Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}

    def __enter__(self) -> Self:
        """Take the home, then the port, then start: whoever finds one of them taken has changed nothing."""
        self._lock.__enter__()
        try:
            check_that_no_restore_was_cut_short(self.home)
            self.claim_port()
            empty_temporary_folder(self.home)
            write_profile(self.home, self.env["PREFECT_API_URL"], self._string)
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
        self.claim_port()
        self.spawn_api("server", self.port)
        self.wait_until_healthy("server", self.port)

    def claim_port(self) -> None:
        """Bind the port of the server and keep it until the box stops. Blocked: another programme has it."""
        if self._socket is not None:
            return
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not one that listens: only one that has ended
        try:
            bound.bind(("127.0.0.1", self.port))
        except OSError as error:
            bound.close()
            raise Blocked(
                "mailmove",
                wanted=f"port {self.port} of 127.0.0.1 for its server",
                seen=os.strerror(error.errno or 0),
                todo="Nothing was changed. End what has it, or give another --port.",
            ) from error
        self._socket = bound

    def spawn_api(self, name: str, port: int, *words: str) -> None:
        """Start a server of the API. It alone has the key of the blocks."""
        own = ("--fd", str(self._socket.fileno())) if self._socket is not None and port == self.port else ()
        words = ("--port", str(port), *own, *words)
        self.spawn(name, *words, by="deployments.server.api_server", **self.server_settings)

    @property
    def server_settings(self) -> dict[str, str]:
        """What the server's processes get, and workers and flow runs do not: what they check, and the blocks' key."""
        return {
            "PREFECT_SERVER_API_AUTH_STRING": self._string,
            "PREFECT_SERVER_ENCRYPTION_KEY": block_key(self.home),
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(self.home / "ui"),
        }

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
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._lock.__exit__()

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
                umask=0o077,
                pass_fds=[self._socket.fileno()] if self._socket is not None else [],
                preexec_fn=_die_with_parent,
            )

    def wait_until_healthy(self, name: str, port: int) -> None:
        """Return when our API answers on `port`; RuntimeError with the part's last words when it does not."""
        end = time.monotonic() + _START_SECONDS
        while not proves_itself(f"http://127.0.0.1:{port}/api", self._string):
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
    from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, PREFECT_HOME, temporary_settings

    from tasks.engine.prefect_internals import one_client, send_everything_queued

    before = {name: value for name, value in os.environ.items() if name.startswith("PREFECT_")}
    _set({name: value for name, value in box.env.items() if name.startswith("PREFECT_")})
    try:
        own = {name: box.env[name.name] for name in (PREFECT_API_URL, PREFECT_API_AUTH_STRING)}
        with temporary_settings({**own, PREFECT_HOME: box.home}):
            with one_client():
                yield
            send_everything_queued()
    finally:
        _set(before)


def _set(settings: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(settings)


def proves_itself(api: str, string: str) -> bool:
    """Whether the server at this address of an API knows the string. It is not sent; loopback goes through no proxy."""
    challenge = secrets.token_hex(16)
    request = urllib.request.Request(f"{api}/health", headers={CHALLENGE: challenge})  # noqa: S310  # a box's own
    try:
        with _DIRECT.open(request, timeout=2) as answer:
            shown = answer.headers.get(PROOF, "")
    except (OSError, http.client.HTTPException):  # urllib's own errors are OSErrors
        return False
    return hmac.compare_digest(shown, proof(string, challenge, urlsplit(api).port or 0))


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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
