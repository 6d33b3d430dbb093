"""A router or firewall that is told by SSH what to do; its commands are declared, so any device will do."""

from __future__ import annotations

import asyncio
import re
import secrets
import shlex
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import asyncssh
from pydantic import Field, SecretStr, field_validator

from blocks.provider_block import ProviderBlock
from mailmove.errors import Blocked, MailmoveError, NotYet, Refused, Transient
from mailmove.evidence import Finding
from mailmove.pem import pem
from mailmove.plan.values import Mode
from mailmove.ports import Checkable, Firewall
from mailmove.smtp.port_modes import mode_for

R = TypeVar("R")


class SshGateway(ProviderBlock, Firewall, Checkable):
    """The customer's router, by SSH. `{port}` in a command stands for the port; a status other than 0 is a failure.

    Before a closing a reopening is started on the device itself; it is called off once a new connection has shown that
    the device still lets us in. The commands for that suit a POSIX shell; elsewhere declare the device's own
    (`reload in 10`, `commit confirmed`). Errors: Refused, Blocked, Transient, NotYet.
    """

    _block_type_name = "SSH Gateway"
    _block_type_slug = "ssh-gateway"
    _description = "A router or firewall that opens and closes port 25 by commands over SSH."

    host: str = Field(description="Name or address of the device.", examples=["192.0.2.1"])
    ssh_port: int = Field(default=22, ge=1, le=65535, description="Its SSH port.")
    host_key: str = Field(
        description="Its public key, as `ssh-keyscan` prints it without the name; another key is refused.",
        examples=["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI..."],
    )
    username: str = Field(description="The account's name.", examples=["admin"])
    password: SecretStr | None = Field(default=None, description="The account's password, where there is no key.")
    private_key: SecretStr | None = Field(
        default=None, description="Private key in OpenSSH or PEM form, without phrase."
    )
    show_command: str = Field(
        description="Prints the rules; changes nothing.", examples=["nft list chain inet mailmove forward"]
    )
    closed_pattern: str = Field(
        description="Regular expression that is found in what `show_command` prints while the port is closed.",
        examples=["tcp dport {port} (reject|drop)"],
    )
    open_command: str = Field(
        description="Opens the port again; does nothing where it is open.",
        examples=["nft flush chain inet mailmove forward"],
    )
    close_commands: dict[Literal["refuse", "reject", "drop"], str] = Field(
        min_length=1,
        description="For each mode that the device can do, the command that closes the port so.",
        examples=[{"refuse": "nft add rule inet mailmove forward tcp dport {port} reject with tcp reset"}],
    )
    reopen_later_command: str = Field(
        default="mkdir /tmp/mailmove-reopen-{port}-{token} && (nohup sh -c {reopen} >/dev/null 2>&1 </dev/null &)",
        description="Starts a reopening after {seconds}; {reopen} is a quoted script that waits, sees whether it was "
        "called off, and opens.",
    )
    call_off_command: str = Field(
        default="for d in /tmp/mailmove-reopen-{port}-*; do [ ! -d $d ] || rmdir $d; done",
        description="Calls off every reopening that is under way.",
    )
    reopening_command: str = Field(
        default="for d in /tmp/mailmove-reopen-{port}-*; do [ ! -d $d ] || echo $d; done",
        description="Prints something while a reopening is under way.",
    )
    reopen_seconds: int = Field(default=300, ge=2, le=3600, description="Until the device opens the port by itself.")
    timeout_seconds: float = Field(default=20, gt=0, description="For the connection, and for each command.")

    @field_validator("host_key")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        try:
            asyncssh.import_public_key(value)
        except asyncssh.KeyImportError as error:
            raise ValueError(f"no public key: {error}") from None
        return value

    def modes(self) -> frozenset[Mode]:
        return frozenset(self.close_commands)

    def allowed(self, port: int) -> list[dict[str, Any]]:
        """One entry: the port is open, or a reopening is under way. Empty: closed for good."""

        async def ask(device: asyncssh.SSHClientConnection) -> list[dict[str, Any]]:
            return [] if await self._closed(device, port) and not await self._reopens(device, port) else _let_in(port)

        return self._with_device(f"whether port {port} is open", ask)

    def set_allowed(self, port: int, rules: list[dict[str, Any]], mode: Mode | None = None) -> None:
        """Run the open or the close command, where it is not so yet, and read back."""
        if rules and rules != _let_in(port):
            raise Blocked(
                self._who,
                wanted=f"port {port} to be let in as before",
                seen=f"rules that are not of this device: {rules}",
                todo="Name the block in the plan that closed the port.",
            )
        if rules:
            self._with_device(f"port {port} open", lambda device: self._open(device, port))
            return
        how = mode_for(self._who, self.modes(), mode)
        if not self._with_device(f"port {port} closed", lambda device: self._close(device, port, how)):
            return
        try:
            self._with_device("a new connection after the port was closed", lambda device: self._confirm(device, port))
        except NotYet:
            raise
        except Transient as error:
            todo = f"If this lasts, the device opens the port again by itself after {self.reopen_seconds} s."
            raise Transient(self._who, wanted=error.wanted, seen=error.seen, todo=todo) from None

    def findings(self) -> list[Finding]:
        """Sign in, and see whether the commands that only read give what they should."""
        try:
            self.allowed(25)
        except MailmoveError as error:
            means = "the old server's port 25 cannot be closed"
            return [Finding(subject=self._who, seen=error.seen, means=means, todo=error.todo, blocks=True)]
        return []

    @property
    def _who(self) -> str:
        return f"SSH gateway {self.host}"

    async def _open(self, device: asyncssh.SSHClientConnection, port: int) -> None:
        if await self._closed(device, port):
            await self._run(device, self.open_command, port)
        await self._call_off(device, port)
        self._must(not await self._closed(device, port), f"port {port} open")

    async def _close(self, device: asyncssh.SSHClientConnection, port: int, mode: Mode) -> bool:
        """False: it is closed for good already."""
        if await self._closed(device, port):
            return await self._reopens(device, port)
        await self._call_off(device, port)  # of a killed try, or it would strike in the middle of this one
        token = secrets.token_hex(4)
        flag = f"/tmp/mailmove-reopen-{port}-{token}"  # noqa: S108  # on the device; mkdir follows no link
        script = f"sleep {self.reopen_seconds}; rmdir {flag} && {_filled(self.open_command, port)}"
        await self._run(
            device,
            self.reopen_later_command,
            port,
            token=token,
            seconds=str(self.reopen_seconds),
            reopen=shlex.quote(script),
        )
        self._must(await self._reopens(device, port), "a reopening under way on the device")
        await self._run(device, self.close_commands[mode], port)
        return True

    async def _confirm(self, device: asyncssh.SSHClientConnection, port: int) -> None:
        await self._call_off(device, port)
        self._must(await self._closed(device, port), f"port {port} closed")

    async def _call_off(self, device: asyncssh.SSHClientConnection, port: int) -> None:
        if await self._reopens(device, port):
            await self._run(device, self.call_off_command, port)
            self._must(not await self._reopens(device, port), "no reopening under way on the device")

    async def _closed(self, device: asyncssh.SSHClientConnection, port: int) -> bool:
        shown = await self._run(device, self.show_command, port)
        return re.search(self.closed_pattern.replace("{port}", str(port)), shown, re.MULTILINE) is not None

    async def _reopens(self, device: asyncssh.SSHClientConnection, port: int) -> bool:
        return bool((await self._run(device, self.reopening_command, port)).strip())

    def _must(self, true: bool, wanted: str) -> None:
        if not true:
            todo = "It is tried again; if it stays, try the declared commands by hand."
            raise NotYet(self._who, wanted=wanted, seen="the device shows that it is not so", todo=todo)

    async def _run(self, device: asyncssh.SSHClientConnection, command: str, port: int, **more: str) -> str:
        line = _filled(command, port, **more)
        done = await device.run(line, timeout=self.timeout_seconds, encoding=None)
        if done.exit_status is None:
            todo = "It is looked at again; if the command cut us off, the device opens the port again by itself."
            raise Transient(self._who, wanted=line, seen="the connection ended before it was done", todo=todo)
        if done.exit_status != 0:
            output = (_text(done.stderr) or _text(done.stdout)).strip()[:300]
            raise Blocked(
                self._who,
                wanted=line,
                seen=f"status {done.exit_status}: {output or 'no word'}",
                todo="Mend the command in the block, or the account's rights on the device.",
            )
        return _text(done.stdout)

    def _with_device(self, wanted: str, work: Callable[[asyncssh.SSHClientConnection], Awaitable[R]]) -> R:
        async def connected() -> R:
            async with asyncssh.connect(
                self.host,
                self.ssh_port,
                username=self.username,
                password=self.password.get_secret_value() if self.password else None,
                client_keys=[asyncssh.import_private_key(pem(self.private_key.get_secret_value()))]
                if self.private_key
                else None,
                known_hosts=([asyncssh.import_public_key(self.host_key)], [], []),
                agent_path=None,
                config=None,  # nothing of the worker's own ~/.ssh
                connect_timeout=self.timeout_seconds,
                login_timeout=self.timeout_seconds,
            ) as device:
                return await work(device)

        try:
            return asyncio.run(connected())
        except asyncssh.HostKeyNotVerifiable:
            todo = "If its key was changed on purpose, put the new one into the block; else somebody stands in between."
            raise Blocked(self._who, wanted=wanted, seen="another host key than the block's", todo=todo) from None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            todo = "Put an OpenSSH or PEM private key without a phrase into the block."
            raise Refused(self._who, wanted=wanted, seen="a private key that cannot be read", todo=todo) from None
        except asyncssh.PermissionDenied:
            words = f"the sign-in of {self.username} is not accepted"
            raise Refused(self._who, wanted=wanted, seen=words, todo="Check name, and password or key.") from None
        except (asyncssh.Error, OSError, TimeoutError) as error:
            words = f"{type(error).__name__}: {error}"
            raise Transient(
                self._who, wanted=wanted, seen=words, todo="Is it up, and its port open? Ask again."
            ) from None


def _text(printed: Any) -> str:
    """What a device printed. Comments in its rules may be of any charset; our patterns are ASCII in all of them."""
    return printed.decode("utf-8", "replace") if isinstance(printed, bytes) else ""


def _let_in(port: int) -> list[dict[str, Any]]:
    return [{"protocol": "tcp", "port": port, "state": "open"}]


def _filled(command: str, port: int, **more: str) -> str:
    """No `str.format`: commands of routers have braces of their own."""
    for name, value in {"port": str(port), **more}.items():
        command = command.replace(f"{{{name}}}", value)
    return command
