"""The lab's cmdlets know what each version of Exchange knows, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from lab.exchange.powershell.cmdlet_contract import CmdletError, bind

E2007, E2010, E2013, E2016 = "8.3.83.6", "14.3.123.4", "15.0.847.32", "15.1.2507.6"
OLD_ENABLE = {"ExternalHostname": "mail.x.example", "ClientAuthenticationMethod": "Basic", "SSLOffloading": False}
NEW_SET = {
    "Identity": "S\\Rpc (Default Web Site)",
    "ExternalHostname": "mail.x.example",
    "ExternalClientAuthenticationMethod": "Basic",
    "ExternalClientsRequireSsl": True,
}


def refusal(version: str, cmdlet: str, given: dict[Any, Any]) -> str:
    with pytest.raises(CmdletError) as caught:
        bind(version, cmdlet, given)
    return caught.value.error_id


@pytest.mark.parametrize("version", [E2007, E2010])
def test_enable_outlook_anywhere_is_of_2007_and_2010(version: str) -> None:
    assert bind(version, "enable-outlookanywhere", OLD_ENABLE) == ("Enable-OutlookAnywhere", OLD_ENABLE)


@pytest.mark.parametrize("version", [E2013, E2016])
@pytest.mark.parametrize("cmdlet", ["Enable-OutlookAnywhere", "Disable-OutlookAnywhere"])
def test_later_versions_cannot_enable_or_disable_it(version: str, cmdlet: str) -> None:
    assert refusal(version, cmdlet, {}) == "CommandNotFoundException"


@pytest.mark.parametrize("version", [E2007, E2010])
def test_the_spelling_of_2013_is_unknown_before_it(version: str) -> None:
    assert refusal(version, "Set-OutlookAnywhere", NEW_SET) == "NamedParameterNotFound,Set-OutlookAnywhere"


@pytest.mark.parametrize("version", [E2013, E2016])
def test_the_spelling_of_2010_is_unknown_after_it(version: str) -> None:
    assert bind(version, "Set-OutlookAnywhere", NEW_SET)[1] == NEW_SET
    old = {"Identity": "x", "ClientAuthenticationMethod": "Basic"}
    assert refusal(version, "Set-OutlookAnywhere", old) == "NamedParameterNotFound,Set-OutlookAnywhere"


def test_negotiate_is_no_method_of_2010() -> None:
    given = {**OLD_ENABLE, "ClientAuthenticationMethod": "Negotiate"}
    assert refusal(E2010, "Enable-OutlookAnywhere", given).startswith("ParameterArgumentTransformationError")
    assert bind(E2013, "Set-OutlookAnywhere", {"Identity": "x", "ExternalClientAuthenticationMethod": "negotiate"})


def test_cloud_only_parameters_are_unknown_on_every_old_server() -> None:
    for version in (E2007, E2010, E2013, E2016):
        assert refusal(version, "Get-Mailbox", {"SoftDeletedMailbox": True}).startswith("NamedParameterNotFound")


def test_missing_clashing_and_positional_parameters() -> None:
    assert refusal(E2010, "Enable-OutlookAnywhere", {"ExternalHostname": "mail.x.example"}).startswith(
        "MissingMandatoryParameter"
    )
    both = {**OLD_ENABLE, "DefaultAuthenticationMethod": "Basic"}
    assert refusal(E2010, "Enable-OutlookAnywhere", both).startswith("AmbiguousParameterSet")
    assert bind(E2010, "Get-Mailbox", {None: "anna"}) == ("Get-Mailbox", {"Identity": "anna"})
    assert refusal(E2010, "Get-MessageTrackingLog", {None: "x"}).startswith("PositionalParameterNotFound")


@pytest.mark.parametrize(
    ("cmdlet", "given"),
    [
        ("Enable-OutlookAnywhere", {**OLD_ENABLE, "SSLOffloading": "no"}),
        ("Enable-OutlookAnywhere", {**OLD_ENABLE, "ExternalHostname": "https://mail.x.example"}),
        ("Get-MessageTrackingLog", {"Start": "yesterday"}),
        ("Get-Mailbox", {"ResultSize": "all"}),
    ],
)
def test_values_of_a_wrong_type_are_refused(cmdlet: str, given: dict[str, Any]) -> None:
    assert refusal(E2010, cmdlet, given) == f"ParameterArgumentTransformationError,{cmdlet}"


def test_values_are_converted_and_common_parameters_pass() -> None:
    _, bound = bind(E2010, "Get-MessageTrackingLog", {"start": "11/23/2026 09:00:00", "ErrorAction": "Stop"})
    assert bound == {"Start": datetime(2026, 11, 23, 9, tzinfo=UTC)}
