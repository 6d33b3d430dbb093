"""Each firewall with the real thing behind it: a port that a sender can try, and the old server beyond it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
from prefect_aws import AwsCredentials
from prefect_aws.client_parameters import AwsClientParameters
from pydantic import SecretStr

from blocks.exchange.powershell.shell import ExchangeShell
from blocks.firewall.aws_security_group import AwsSecurityGroup
from blocks.firewall.manual_firewall import ManualFirewall
from blocks.firewall.ssh_gateway import SshGateway
from blocks.firewall.windows_firewall import WindowsFirewall
from lab.authority import Authority
from lab.company import make_company
from lab.dns.route53 import AwsServer
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.mail.gateway import Gateway
from lab.mail.security_group import SecurityGroups
from lab.places import Places
from mailmove.errors import ByHand
from mailmove.plan.values import Mode
from mailmove.ports import Firewall
from mailmove.smtp.port_check import check_port

PASSWORD = "S3cret-0f-the-device"


@dataclass
class World:
    """One firewall. picture: everything that it may change. calls: (class, method) of every remote call; None: none."""

    firewall: Firewall
    places: Places
    mode: Mode
    picture: Callable[[], Any]
    calls: tuple[type, str] | None = None
    wrong_secret: Firewall | None = None
    away: Firewall | None = None
    obey: Callable[[ByHand], None] | None = None
    locked_out: Callable[[bool], None] | None = None

    @property
    def port(self) -> int:
        return self.places.smtp_port

    def set(self, rules: list[dict[str, Any]]) -> None:
        """As the night does it; a person does what they are asked."""
        try:
            self.firewall.set_allowed(self.port, rules, self.mode)
        except ByHand as asked:
            assert self.obey is not None
            self.obey(asked)

    def seen(self) -> str:
        """What a sender meets now."""
        return check_port(self.places.old_server, self.port, timeout=2).state


@contextlib.contextmanager
def exchange(version: str, faults: Faults | None = None) -> Iterator[tuple[OldExchange, Places, Authority]]:
    places, company = Places(), make_company(1, users=1, shared=0, public_folders=0, messages=5, domain="contoso.com")
    authority = Authority()
    with OldExchange(places, authority, company, faults or Faults(), version=version) as old:
        yield old, places, authority


def gateway(places: Places, is_open: Callable[[], bool], closed: Callable[[], str]) -> Gateway:
    return Gateway(
        (places.old_server, places.smtp_port), (places.host(23), places.smtp_port), is_open, Faults(), closed
    )


@contextlib.contextmanager
def aws() -> Iterator[World]:
    with exchange("14.3.123.4") as (_, places, _), AwsServer("127.0.0.1", Faults()) as server:
        group = SecurityGroups(server, smtp_port=places.smtp_port)

        def block(endpoint: str = server.endpoint_url) -> AwsSecurityGroup:
            credentials = AwsCredentials(
                aws_access_key_id=server.access_key_id,
                aws_secret_access_key=SecretStr(PASSWORD),
                region_name=server.region,
                aws_client_parameters=AwsClientParameters(endpoint_url=endpoint),
            )
            return AwsSecurityGroup(credentials=credentials, group_id=group.group_id)

        with gateway(places, lambda: group.is_open(places.smtp_port), lambda: "drop"):
            yield World(block(), places, "drop", group.picture, calls=(AwsSecurityGroup, "_change"))


@contextlib.contextmanager
def windows(version: str) -> Iterator[World]:
    faults = Faults()
    with exchange(version, faults) as (old, places, authority):
        state = old.state
        state.private["minute"] = 0.3

        def block(**changes: Any) -> WindowsFirewall:
            fields: dict[str, Any] = {
                "shell_url": old.shell_url.replace("/powershell", "/wsman"),
                "username": state.admin,
                "password": state.accounts[state.admin],
                "authentication": "basic",
                "extra_ca": authority.pem,
            }
            return WindowsFirewall(**{**fields, **changes})

        with gateway(places, lambda: old.firewall_lets_in, lambda: "drop"):
            yield World(
                block(),
                places,
                "drop",
                lambda: json.loads(json.dumps(old.picture())),  # as it is now: what it holds is changed in place
                calls=(ExchangeShell, "run"),
                wrong_secret=block(password="wrong"),
                away=block(shell_url="https://127.0.0.1:9/wsman"),
                locked_out=lambda yes: faults.set("shell.busy") if yes else faults.clear(),
            )


class Device:
    """A router with a POSIX shell, whose rules are a folder: one file for each closed port, the mode in it."""

    def __init__(self, places: Places, folder: Path) -> None:
        self.places, self.folder = places, folder
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.locked = False
        self.heard: list[str] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncssh.SSHAcceptor | None = None

    def __enter__(self) -> Device:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _listen(self) -> None:
        device = self

        class Account(asyncssh.SSHServer):
            def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
                if device.locked:
                    conn.abort()

            def begin_auth(self, username: str) -> bool:
                return True

            def password_auth_supported(self) -> bool:
                return True

            def validate_password(self, username: str, password: str) -> bool:
                device.heard.append(password)
                return (username, password) == ("admin", PASSWORD)

        async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
            shell = await asyncio.create_subprocess_exec(
                "/bin/sh", "-c", process.command or "", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            out, err = await shell.communicate()
            process.stdout.write(out)
            process.stderr.write(err)
            process.exit(shell.returncode or 0)

        self._server = await asyncssh.listen(
            self.places.old_server, 0, server_factory=Account, server_host_keys=[self.key], process_factory=run,
            encoding=None,
        )  # fmt: skip
        self.port = self._server.get_port()

    def lock(self, yes: bool) -> None:
        """It lets nobody in any more; who is in, stays."""
        self.locked = yes

    @property
    def rule(self) -> Path:
        return self.folder / f"closed-{self.places.smtp_port}"

    def closed(self) -> str | None:
        """The mode; None: open."""
        try:
            return self.rule.read_text().strip()
        except FileNotFoundError:
            return None

    def picture(self) -> dict[str, str]:
        return {one.name: one.read_text().strip() for one in sorted(self.folder.iterdir())}

    def block(self, **changes: Any) -> SshGateway:
        folder = self.folder
        fields: dict[str, Any] = {
            "host": self.places.old_server,
            "ssh_port": self.port,
            "host_key": self.key.export_public_key().decode(),
            "username": "admin",
            "password": PASSWORD,
            "show_command": f"cd {folder} && grep -H . closed-* 2>/dev/null || true",
            "closed_pattern": "^closed-{port}:",
            "open_command": f"rm -f {folder}/closed-{{port}}",
            "close_commands": {
                mode: f"echo {mode} > {folder}/closed-{{port}}" for mode in ("refuse", "reject", "drop")
            },
            "reopen_seconds": 3,
        }
        return SshGateway(**{**fields, **changes})


@contextlib.contextmanager
def ssh(folder: Path, mode: Mode) -> Iterator[World]:
    with (
        exchange("14.3.123.4") as (_, places, _),
        Device(places, folder) as device,
        gateway(places, lambda: device.closed() is None, lambda: device.closed() or "drop"),
    ):
        device.folder.joinpath("closed-443").write_text("drop\n")
        world = World(
            device.block(),
            places,
            mode,
            device.picture,
            calls=(SshGateway, "_run"),
            wrong_secret=device.block(password="wrong"),
            away=device.block(host="127.0.0.1", ssh_port=9),
            locked_out=device.lock,
        )
        yield world


@contextlib.contextmanager
def manual(mode: Mode) -> Iterator[World]:
    with exchange("14.3.123.4") as (_, places, _):
        rule = {"open": True}

        def obey(asked: ByHand) -> None:
            assert str(places.smtp_port) in asked.records[0]
            rule["open"] = asked.records[0].startswith("let in")

        with gateway(places, lambda: rule["open"], lambda: mode):
            block = ManualFirewall(
                host=places.old_server,
                control_host=places.old_server_inside,
                control_port=places.smtp_port,
                timeout_seconds=1.5,
            )
            yield World(block, places, mode, lambda: dict(rule), obey=obey)
