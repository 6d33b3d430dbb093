"""Cmdlets by PowerShell: the same answers as over REST, and no secret where anybody could read it."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from cloud_town import DOMAIN, Town
from pydantic import SecretStr

from blocks.microsoft365.answers import Rejected
from blocks.microsoft365.exchange_powershell import SCRIPT, ExchangePowerShell
from blocks.microsoft365.microsoft365 import Microsoft365
from mailmove.errors import Blocked, Refused, Transient
from mailmove.tenant_state import Endpoint

PASSWORD = "pa55-for-the-0ld-server"


class Account:
    """A source that only has an account."""

    def migration_account(self) -> tuple[str, SecretStr]:
        return "NORTHWIND\\mover", SecretStr(PASSWORD)


class Shell:
    """A fake pwsh in a folder of its own, and the block that uses it."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.log, self._settings, self.program = folder / "log", folder / "pwsh.json", folder / "pwsh"
        (folder / "fake.py").write_text(Path(__file__).with_name("fake_pwsh.py").read_text())
        self.program.write_text(f'#!/bin/sh\nexec {sys.executable} {folder / "fake.py"} "$@"\n')
        self.program.chmod(0o755)
        self._told = {"base": town.cloud.base_url, "ca": town.authority.pem, "log": str(self.log),
                      "public_key": town.cloud.exchange_public_key_pem}  # fmt: skip
        self.fault("")
        self.town = town

    def fault(self, name: str) -> None:
        self._settings.write_text(json.dumps({**self._told, "fault": name}))

    def tenant(self, **changed: Any) -> Microsoft365:
        fields: dict[str, Any] = {"exchange_by": "powershell", "pwsh": str(self.program), "exchange_public_key": None}
        return self.town.tenant(**{**fields, **changed})

    def logged(self, what: str) -> list[Any]:
        return [line[what] for line in map(json.loads, self.log.read_text().splitlines()) if what in line]


@pytest.fixture
def shell(town: Town, tmp_path: Path) -> Shell:
    return Shell(town, tmp_path)


def test_reads_writes_and_refusals_are_those_of_rest(shell: Shell) -> None:
    tenant = shell.tenant()
    assert (
        tenant.mailboxes.kinds() == {}
        and tenant.migration.batch("none") is None
        and tenant.migration.endpoint("none") is None
    )
    assert "no right to" in next(one.seen for one in tenant.findings() if one.subject == "Exchange Administrator role")
    with pytest.raises(Blocked) as caught:  # the lab's migration service tries the account, and says what it thinks
        tenant.migration.create_endpoint(
            Endpoint(name="oa", exchange_server=f"mail.{DOMAIN}", rpc_proxy_server=f"mail.{DOMAIN}"),
            Account(),  # type: ignore[arg-type]
        )
    assert PASSWORD not in str(caught.value)
    run = tenant._parts().exchange.run
    with pytest.raises(Rejected, match="cannot be found that matches parameter name 'Nonsense'"):
        run("Get-Mailbox", {"Nonsense": 1}, wanted="nonsense")
    with pytest.raises(Refused):
        run("Get-Nonsense", wanted="nonsense")
    shell.town.faults.set("admin.transient_400", times=1)
    with pytest.raises(Transient):
        run("Get-Mailbox", wanted="mailboxes")
    assert len(shell.logged("argv")) == 1, "one process for all of it"


def test_no_secret_is_seen_from_outside(shell: Shell) -> None:
    tenant = shell.tenant()
    tenant.mailboxes.kinds()
    with pytest.raises(Blocked):
        tenant.migration.create_endpoint(
            Endpoint(name="oa", exchange_server="s", rpc_proxy_server=f"mail.{DOMAIN}"), Account()
        )  # type: ignore[arg-type]
    token = tenant._parts().sign_in.token("https://outlook.office365.com/.default")
    [argv], [env] = shell.logged("argv"), shell.logged("env")
    secrets = (token, PASSWORD, shell.town.cloud.app.secret, "PRIVATE KEY")
    assert not [one for one in secrets for word in (*argv, *env.values()) if one in word]
    assert not [name for name in env if "PREFECT" in name]
    assert argv[-2:] == ["-File", str(SCRIPT)] and SCRIPT.is_file()
    assert shell.logged("connected") == [["AccessToken", "ExchangeEnvironmentName", "Organization"]]


def test_a_dead_pwsh_is_started_anew_for_a_read_and_named_for_a_change(shell: Shell) -> None:
    exchange = shell.tenant()._parts().exchange
    assert exchange.run("Get-Mailbox", wanted="mailboxes") == []
    assert isinstance(exchange, ExchangePowerShell) and exchange._process is not None
    exchange._process.kill()
    exchange._process.wait()
    assert exchange.run("Get-Mailbox", wanted="mailboxes") == []
    shell.fault("dies")
    with pytest.raises(Transient, match="pwsh has ended"):
        exchange.run("Get-Mailbox", wanted="mailboxes")
    before = len(shell.logged("argv"))
    with pytest.raises(Transient, match="Look whether it was done"):
        exchange.run("Remove-MigrationBatch", {"Identity": "x"}, wanted="the batch removed")
    assert len(shell.logged("argv")) == before + 1, "a change is asked for once"


def test_what_is_not_installed_is_named(shell: Shell) -> None:
    with pytest.raises(Blocked, match="Install PowerShell 7"):
        shell.tenant(pwsh="pwsh-that-nobody-has").mailboxes.kinds()
    shell.fault("no module")
    with pytest.raises(Blocked, match="Install-Module ExchangeOnlineManagement"):
        shell.tenant().mailboxes.kinds()


def test_a_new_token_is_a_new_session(shell: Shell) -> None:
    tokens = iter(["first", "first", "second"])
    exchange = ExchangePowerShell(str(shell.program), lambda: next(tokens), lambda: {"Organization": "t"})
    for _ in range(3):
        with pytest.raises(Blocked):
            exchange.run("Get-Mailbox", wanted="mailboxes")
    assert len(shell.logged("connected")) == 2
