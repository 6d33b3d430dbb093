"""The old Exchange server's shell: one cmdlet at a time over remote PowerShell (pypsrp), answers as plain dicts."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import requests
from pydantic import SecretStr
from pypsrp.complex_objects import PSInvocationState
from pypsrp.exceptions import WinRMError
from pypsrp.powershell import PowerShell, RunspacePool
from pypsrp.wsman import WSMan
from requests.auth import HTTPBasicAuth

from blocks.exchange.powershell.errors import of_exception, of_records
from blocks.exchange.powershell.from_clixml import PlainReader, Row
from blocks.exchange.powershell.to_powershell import sent
from blocks.tls_roots import ContextAdapter, tls_context
from mailmove.errors import Blocked, MailmoveError, Transient

SNAP_INS = tuple(f"Microsoft.Exchange.Management.PowerShell.{name}" for name in ("Admin", "E2010", "SnapIn"))
"""Exchange 2007, 2010, 2013 and later: an ordinary WinRM session needs one of them."""

Command = tuple[str, dict[str, Any]]
"""A cmdlet and its parameters."""


def _spelt(command: Command) -> str:
    return f"{command[0]} {' '.join(f'-{name}' for name in command[1])}".strip()


class ExchangeShell:
    """A remote session with the old server; opened when the first cmdlet runs.

    url:   "https://mail.contoso.com/powershell" (2010 and later) or "https://server:5986/wsman" (2007).
    kind:  "exchange", Exchange's own endpoint; "winrm", an ordinary session to which the snap-in is added;
           "windows", an ordinary session without it.
    extra_ca: PEM of a root to trust besides the system's.
    timeout: seconds that one cmdlet may take.
    """

    def __init__(
        self,
        url: str,
        kind: Literal["exchange", "winrm", "windows"],
        username: str,
        password: SecretStr,
        authentication: Literal["basic", "ntlm"],
        extra_ca: str | None = None,
        *,
        timeout: float = 300,
    ) -> None:
        self.url, self.kind, self._timeout = url, kind, timeout
        self._username, self._password, self._authentication = username, password, authentication
        self._extra_ca = extra_ca
        self._pool: RunspacePool | None = None
        self._status = 0  # of the last HTTP answer
        self._who = f"Remote PowerShell at {url}"

    def run(self, cmdlet: str, **parameters: Any) -> list[Row]:
        """Run one cmdlet; each object it gives becomes a dict of its properties.

        Parameter values: str, int, bool (also for switches), datetime, lists of these. Properties are read by
        `values.py`. Refused: sign-in or rights. Blocked: the
        cmdlet says no, in its own words. Transient: the connection failed or nothing came in time; a cmdlet that
        changes something may have done it, so look before asking again.
        """
        with self._translated(_spelt((cmdlet, parameters))):
            return self._invoke(self._opened(), cmdlet, parameters)

    def stream(self, *commands: Command, refused: list[str] | None = None) -> Iterator[Row]:
        """Run cmdlets as one pipeline and give its objects as they come: `stream(("Get-Mailbox", {...}), (...))`.

        What the server says of a single object that it cannot do is put into `refused`, and the rest goes on; without
        `refused` it is raised at the end. `timeout` counts from the last object. Errors: those of `run`.
        """
        errors: list[Any] = []
        with self._translated(" | ".join(_spelt(command) for command in commands)):
            yield from self._flow(self._opened(), commands, errors)
        if errors and refused is None:
            raise of_records(self._who, commands[-1][0], errors)
        if refused is not None:
            refused += dict.fromkeys(str(error) for error in errors)

    def close(self) -> None:
        """End the session. The server ends it anyway if it cannot be told."""
        if self._pool is not None:
            with contextlib.suppress(WinRMError, requests.RequestException, ET.ParseError):
                self._pool.close()
        self._drop()

    def _drop(self) -> None:
        """Forget the session without a word to the server, which does not answer as it should."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _opened(self) -> RunspacePool:
        if self._pool is not None:
            return self._pool
        host, port, path = self._address()
        secure = self.url.startswith("https:")
        if not secure and self._authentication == "basic":
            raise Blocked(
                self._who,
                wanted="a session",
                seen=f"{self.url} with Basic would send the password in the clear",
                todo="Use an https address, or NTLM.",
            )
        wsman = WSMan(
            host,
            port=port or (443 if secure else 80),
            path=path,
            username=self._username,
            password=self._password.get_secret_value(),
            ssl=secure,
            auth=self._authentication,
            operation_timeout=min(20, math.ceil(self._timeout)),
            connection_timeout=10,
            read_timeout=30,
        )
        wsman.transport.session = self._session(wsman)
        configuration = "Microsoft.Exchange" if self.kind == "exchange" else "Microsoft.PowerShell"
        pool = RunspacePool(wsman, configuration_name=configuration)
        pool._serializer = pool._fragmenter.serializer = PlainReader()
        self._pool = pool  # before it is open: whatever happens next, `close` ends it
        pool.open()
        if self.kind == "winrm":
            try:
                self._add_snap_in(pool)
            except Blocked:
                self.close()  # or the next cmdlet would run in a session without the snap-in
                raise
        return pool

    def _address(self) -> tuple[str, int | None, str]:
        """Host, port and path. Blocked: the address has none."""
        try:
            parts = urlsplit(self.url)
            if parts.scheme in ("http", "https") and parts.hostname:
                return parts.hostname, parts.port, parts.path.lstrip("/")
            fault = f"{self.url!r} is no http address"
        except ValueError as error:
            fault = f"{self.url!r}: {error}"
        raise Blocked(self._who, wanted="an address", seen=fault, todo="Write it as https://host[:port]/path.")

    def _session(self, wsman: WSMan) -> requests.Session:
        """pypsrp's session, made to trust the system's roots and `extra_ca` whatever the environment says."""
        session: requests.Session = wsman.transport._build_session()
        # REQUESTS_CA_BUNDLE and proxies in the environment would override what the block says.
        session.trust_env, session.verify, session.proxies = False, True, {}
        if self._authentication == "basic":  # requests would send Latin-1, and fail where there is none (RFC 7617)
            session.auth = HTTPBasicAuth(self._username.encode(), self._password.get_secret_value().encode())
        session.max_redirects = 0  # or what is sent, and the sign-in, would go where a stranger's answer points
        for scheme in ("https://", "http://"):
            session.mount(scheme, ContextAdapter(tls_context(self._extra_ca), seconds=self._timeout + 60))

        def remember(response: requests.Response, *_: Any, **__: Any) -> None:
            self._status = response.status_code

        session.hooks["response"].append(remember)
        return session

    def _add_snap_in(self, pool: RunspacePool) -> None:
        for snap_in in SNAP_INS:
            try:
                self._invoke(pool, "Add-PSSnapin", {"Name": snap_in})
            except Blocked as error:
                words = error.seen
            else:
                return
        raise Blocked(
            self._who,
            wanted="the Exchange cmdlets in a WinRM session",
            seen=words,
            todo="Install the Exchange management tools there, or name the server that has them.",
        )

    def _invoke(self, pool: RunspacePool, cmdlet: str, parameters: dict[str, Any]) -> list[Row]:
        errors: list[Any] = []
        rows = list(self._flow(pool, ((cmdlet, parameters),), errors))
        if errors:
            raise of_records(self._who, cmdlet, errors)
        return rows

    def _flow(self, pool: RunspacePool, commands: Sequence[Command], refused: list[Any]) -> Iterator[Row]:
        """Yield the objects of a pipeline; errors about single objects go into `refused`."""
        cmdlet = commands[-1][0]
        giver = next((name for name, _ in reversed(commands) if name != "Select-Object"), cmdlet)
        shell = PowerShell(pool)
        for name, parameters in commands:
            shell.add_cmdlet(name).add_parameters({key: sent(value) for key, value in parameters.items()})
        shell.begin_invoke()
        deadline = time.monotonic() + self._timeout
        while shell.state == PSInvocationState.RUNNING:
            left = deadline - time.monotonic()
            if left <= 0:
                raise Transient(
                    self._who,
                    wanted=f"{cmdlet} to end",
                    seen=f"no end after {self._timeout:g} s",
                    todo="Look at what it did before it is run again.",
                )
            shell.poll_invoke(timeout=max(1, min(20, math.ceil(left))))
            if shell.output:
                deadline = time.monotonic() + self._timeout
                rows, shell.output[:] = list(shell.output), []
                for row in rows:
                    row.cmdlet = giver
                    yield row
        # `had_errors` is false when a cmdlet wrote errors and went on; the stream has them all.
        failed, errors = shell.state == PSInvocationState.FAILED, list(shell.streams.error)
        shell.close()
        if failed:
            raise of_records(self._who, cmdlet, errors)
        refused += errors

    @contextlib.contextmanager
    def _translated(self, wanted: str) -> Iterator[None]:
        """No exception of pypsrp, requests or pyspnego passes; a session that failed is not used again."""
        try:
            yield
        except Transient:
            self.close()
            raise
        except MailmoveError:
            raise
        except Exception as error:  # noqa: BLE001  # pypsrp raises what it stumbles over in an answer that is none
            self._drop()
            signs_in = f"{self._username} with {self._authentication}"
            named = of_exception(self._who, error, wanted, status=self._status, signs_in=signs_in)
            raise named from None  # the chain would show the request, headers and all
