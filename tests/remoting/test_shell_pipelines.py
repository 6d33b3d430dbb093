"""Pipelines through the shell, and what each version's shell does not have; objects on the wire as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from town import ADMIN, USER, Town, secret, town

from blocks.exchange.powershell.from_clixml import properties
from blocks.exchange.powershell.shell import ExchangeShell
from lab.exchange.powershell.cmdlet_contract import CmdletError, bind
from mailmove.errors import Blocked

E2007, E2010, E2013 = "8.3.83.6", "14.3.123.4", "15.0.847.32"
ALL = {"ResultSize": "Unlimited"}


@pytest.fixture(scope="module")
def place() -> Iterator[Town]:
    with town(E2010) as running:
        yield running


@pytest.fixture
def shell(place: Town) -> Iterator[ExchangeShell]:
    with ExchangeShell(place.url("/powershell"), "exchange", ADMIN, secret(), "basic", place.authority.pem) as server:
        yield server


def test_what_each_version_lacks_fails_as_in_life() -> None:
    for cmdlet in ("Get-InboxRule", "Get-ActiveSyncDevice", "Get-MobileDevice", "Get-MobileDeviceStatistics"):
        with pytest.raises(CmdletError, match="is not recognized"):
            bind(E2007, cmdlet, {})
    with pytest.raises(CmdletError, match="is not recognized"):
        bind(E2010, "Get-MobileDevice", {})
    for version in (E2007, E2010, E2013):
        assert bind(version, "Get-ADPermission", {None: USER})[1] == {"Identity": USER}
        assert bind(version, "Get-ActiveSyncDeviceStatistics", {"Mailbox": USER})
    with pytest.raises(CmdletError, match="parameter name 'Archive'"):
        bind(E2007, "Get-MailboxFolderStatistics", {"Identity": USER, "Archive": True})
    with pytest.raises(CmdletError, match="parameter name 'ResultSize'"):
        bind(E2013, "Get-InboxRule", {"ResultSize": "Unlimited"})


def test_a_pipeline_gives_each_object_to_the_next(shell: ExchangeShell) -> None:
    select = ("Select-Object", {"Property": ["FolderPath", "ItemsInFolder"]})
    rows = list(shell.stream(("Get-Mailbox", ALL), ("Get-MailboxFolderStatistics", {}), select))
    assert all(row.keys() == {"FolderPath", "ItemsInFolder"} for row in rows)
    assert sum(row["ItemsInFolder"] for row in rows) == 1
    assert len({row["FolderPath"] for row in rows}) * 3 == len(rows)


def test_more_than_one_portion_of_output_arrives_whole(place: Town, shell: ExchangeShell) -> None:
    for number in range(900):
        place.state.store.put(USER, b"Subject: x\r\n\r\n", folder=f"Many/{number:03d}")
    rows = list(shell.stream(("Get-MailboxFolderStatistics", {"Identity": USER})))
    assert [row["Name"] for row in rows if row["FolderPath"].startswith("/Many/")] == [f"{n:03d}" for n in range(900)]
    half = shell.stream(("Get-MailboxFolderStatistics", {"Identity": USER}))
    assert next(half)["Name"]
    half.close()  # the session is still good
    assert shell.run("Get-ExchangeServer")


def test_what_takes_nothing_from_the_pipeline_says_so_for_each_object(shell: ExchangeShell) -> None:
    with pytest.raises(Blocked, match="cannot be bound"):
        list(shell.stream(("Get-Mailbox", ALL), ("Get-AcceptedDomain", {})))
    said: list[str] = []
    assert list(shell.stream(("Get-Mailbox", ALL), ("Get-AcceptedDomain", {}), refused=said)) == []
    assert len(said) == 1
    assert shell.run("Get-AcceptedDomain")[0]["DomainName"] == "contoso.com"


def test_the_end_of_everything_is_raised_even_where_refusals_are_taken(shell: ExchangeShell) -> None:
    with pytest.raises(Blocked, match="not recognized"):
        list(shell.stream(("Get-Mailbox", ALL), ("Get-MobileDevice", {}), refused=[]))
    with pytest.raises(Blocked, match="Nonsense"):
        list(shell.stream(("Get-Mailbox", ALL), ("Select-Object", {"Nonsense": 1}), refused=[]))


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("<S>a_x000A_b _xD83C__xDF82_ _x005F_x0041_</S>", "a\nb 🎂 _x0041_"),
        ("<I32>7</I32>", 7),
        ("<B>true</B>", True),
        ("<Nil />", None),
        ("<DT>2026-11-23T09:00:00.1234567Z</DT>", datetime(2026, 11, 23, 9, 0, 0, 123456, tzinfo=UTC)),
        ("<DT>2026-11-23T09:00:00</DT>", datetime(2026, 11, 23, 9)),  # nobody can say which moment it is
        ("<G>00000000-0000-0000-0000-000000000000</G>", "00000000-0000-0000-0000-000000000000"),
        ('<Obj RefId="1"><LST><S>a</S><Obj RefId="2"><ToString>b</ToString></Obj></LST></Obj>', ["a", "b"]),
        ('<Obj RefId="1"><ToString>Basic</ToString><I32>1</I32></Obj>', "Basic"),
        ('<Obj RefId="1"><Props><S N="x">y</S></Props></Obj>', {"x": "y"}),
        ('<Obj RefId="1"><DCT><En><S N="Key">k</S><I32 N="Value">1</I32></En></DCT></Obj>', {"k": 1}),
    ],
)
def test_values_on_the_wire(value: str, wanted: object) -> None:
    named = value.replace(" />", ' N="P" />', 1) if value == "<Nil />" else value.replace(">", ' N="P">', 1)
    assert properties(f'<Obj RefId="0"><ToString>whole</ToString><Props>{named}</Props></Obj>') == {"P": wanted}


def test_an_object_met_again_is_the_same() -> None:
    text = '<Obj RefId="0"><MS><Obj N="A" RefId="1"><LST><S>x</S></LST></Obj><Ref N="B" RefId="1" /></MS></Obj>'
    assert properties(text) == {"A": ["x"], "B": ["x"]}
    assert properties("<S>bare</S>") == {"value": "bare"}
