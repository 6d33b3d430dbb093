"""pypsrp itself, a client that knows real servers, is satisfied with the lab's remote shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.powershell import PowerShell, PSInvocationState, RunspacePool
from pypsrp.wsman import WSMan
from town import ADMIN, PASSWORD, USER, Town, town

from lab.mail_store import Mailbox

SNAP_IN_2007 = "Microsoft.Exchange.Management.PowerShell.Admin"


@contextmanager
def session(
    place: Town,
    tmp_path: Path,
    path: str = "powershell",
    auth: str = "basic",
    user: str = ADMIN,
    password: str = PASSWORD,
) -> Iterator[RunspacePool]:
    root = tmp_path / "root.pem"
    root.write_text(place.authority.pem)
    wsman = WSMan(
        place.address,
        port=place.port,
        path=path,
        username=user,
        password=password,
        auth=auth,
        cert_validation=str(root),
    )
    configuration = "Microsoft.Exchange" if path == "powershell" else "Microsoft.PowerShell"
    with wsman, RunspacePool(wsman, configuration_name=configuration) as pool:
        yield pool


def run(pool: RunspacePool, cmdlet: str, **parameters: Any) -> PowerShell:
    shell = PowerShell(pool)
    shell.add_cmdlet(cmdlet).add_parameters(parameters)
    shell.invoke()
    shell.close()
    return shell


@pytest.mark.parametrize("auth", ["basic", "ntlm"])
def test_mailboxes_come_with_adapted_properties(tmp_path: Path, auth: str) -> None:
    with town() as place, session(place, tmp_path, auth=auth) as pool:
        shell = run(pool, "Get-Mailbox", ResultSize="Unlimited")
        found = [item.adapted_properties["PrimarySmtpAddress"] for item in shell.output]
        assert found == [ADMIN, USER, "info@contoso.com"]
        assert shell.state == PSInvocationState.COMPLETED and not shell.streams.error


def test_an_answer_of_many_envelopes_arrives_whole(tmp_path: Path) -> None:
    with town() as place, session(place, tmp_path) as pool:
        for n in range(600):
            place.state.store.add_mailbox(Mailbox(f"user{n}@contoso.com", f"Üser {n}"))
        shell = run(pool, "Get-Mailbox", ResultSize="Unlimited")
        assert len(shell.output) == 603
        assert len(run(pool, "Get-Mailbox", ResultSize=5).output) == 5


def test_unknown_cmdlets_and_parameters_fail_the_pipeline_with_an_error_record(tmp_path: Path) -> None:
    with town() as place, session(place, tmp_path) as pool:
        shell = run(pool, "Get-Mailboxx")
        assert shell.state == PSInvocationState.FAILED
        assert shell.streams.error[0].fq_error == "CommandNotFoundException"
        shell = run(pool, "Get-Mailbox", Nonsense=1)
        assert shell.streams.error[0].fq_error == "NamedParameterNotFound,Get-Mailbox"
        assert shell.streams.error[0].reason == "ParameterBindingException"
        assert len(run(pool, "Get-Mailbox").output) == 3, "the session lives on"


def test_an_object_that_is_missing_is_an_error_that_does_not_end_the_pipeline(tmp_path: Path) -> None:
    with town() as place, session(place, tmp_path) as pool:
        shell = run(pool, "Get-Mailbox", Identity="nobody")
        assert shell.state == PSInvocationState.COMPLETED and not shell.had_errors
        assert "couldn't be found" in str(shell.streams.error[0])


def test_no_scripts_in_the_exchange_endpoint(tmp_path: Path) -> None:
    with town() as place, session(place, tmp_path) as pool:
        shell = PowerShell(pool)
        shell.add_script("Get-Mailbox | Format-Table")
        shell.invoke()
        assert shell.streams.error[0].fq_error == "ScriptsNotAllowed"


def test_2007_has_only_winrm_and_needs_its_snap_in_once(tmp_path: Path) -> None:
    with town("8.3.83.6") as place:
        with pytest.raises(WinRMTransportError) as caught, session(place, tmp_path):
            pass
        assert caught.value.code == 404
        with session(place, tmp_path, path="wsman") as pool:
            assert run(pool, "Get-Mailbox").streams.error[0].fq_error == "CommandNotFoundException"
            wrong = run(pool, "Add-PSSnapin", Name="Microsoft.Exchange.Management.PowerShell.E2010")
            assert "not installed" in str(wrong.streams.error[0])
            assert not run(pool, "Add-PSSnapin", Name=SNAP_IN_2007).streams.error
            assert len(run(pool, "Get-Mailbox").output) == 3
            assert "already added" in str(run(pool, "Add-PSSnapin", Name=SNAP_IN_2007).streams.error[0])


def test_wrong_password_and_an_account_without_the_right(tmp_path: Path) -> None:
    with town() as place:
        with pytest.raises(AuthenticationError), session(place, tmp_path, password="wrong"):
            pass
        with pytest.raises(WSManFaultError) as caught, session(place, tmp_path, user=USER):
            pass
        assert caught.value.code == 5


def test_outlook_anywhere_of_2010_from_nothing_and_back(tmp_path: Path) -> None:
    with town() as place, session(place, tmp_path) as pool:
        place.faults.set("shell.shallow")  # pypsrp forgets the types of what is in a list (KeyError of a TNRef)
        assert not run(pool, "Disable-OutlookAnywhere", Server="SBS2008", Confirm=False).streams.error
        before = place.state.picture()
        assert run(pool, "Get-OutlookAnywhere", Server="SBS2008").output == []
        wanted = {"ExternalHostname": "oa.contoso.com", "DefaultAuthenticationMethod": "Ntlm", "SSLOffloading": False}
        assert not run(pool, "Enable-OutlookAnywhere", Server="SBS2008", **wanted).streams.error
        assert "already exists" in str(run(pool, "Enable-OutlookAnywhere", **wanted).streams.error[0])
        row = run(pool, "Get-OutlookAnywhere").output[0].adapted_properties
        assert (row["ExternalHostname"], row["ClientAuthenticationMethod"]) == ("oa.contoso.com", "Ntlm")
        identity = row["Identity"]
        assert not run(pool, "Set-OutlookAnywhere", Identity=identity, WhatIf=True, SSLOffloading=True).streams.error
        assert place.state.outlook_anywhere == {
            "ExternalHostname": "oa.contoso.com",
            "ClientAuthenticationMethod": "Ntlm",
            "IISAuthenticationMethods": ["Ntlm"],
            "SSLOffloading": False,
        }
        prompt = run(pool, "Disable-OutlookAnywhere", Identity=identity)
        assert "prompts the user" in str(prompt.streams.error[0])
        assert not run(pool, "Disable-OutlookAnywhere", Identity=identity, Confirm=False).streams.error
        assert place.state.picture() == before


def test_outlook_anywhere_of_2013_is_always_there(tmp_path: Path) -> None:
    with town("15.0.847.32") as place, session(place, tmp_path) as pool:
        place.faults.set("shell.shallow")  # pypsrp forgets the types of what is in a list (KeyError of a TNRef)
        row = run(pool, "Get-OutlookAnywhere").output[0].adapted_properties
        assert row["ExternalClientAuthenticationMethod"] == "Negotiate" and "ClientAuthenticationMethod" not in row
        outside = {"ExternalHostname": "oa.contoso.com", "ExternalClientAuthenticationMethod": "Basic"}
        refused = run(pool, "Set-OutlookAnywhere", Identity=row["Identity"], **outside)
        assert "ExternalClientsRequireSsl" in str(refused.streams.error[0])
        done = run(pool, "Set-OutlookAnywhere", Identity=row["Identity"], ExternalClientsRequireSsl=True, **outside)
        assert not done.streams.error
        again = run(pool, "Get-OutlookAnywhere").output[0].adapted_properties
        assert again["ExternalHostname"] == "oa.contoso.com" and again["ExternalClientsRequireSsl"] is True
