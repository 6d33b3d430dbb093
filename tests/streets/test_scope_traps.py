"""Each planted trap is named at preflight, with its code and with what to do; a plain company has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from planted_traps import MORE, TRAPS
from street_world import StreetWorld, Trap, street_world

from lab.directory import Directory

pytestmark = pytest.mark.timeout(240)
SHOWN_ALWAYS = {"MailComesDirect"}


@pytest.fixture(scope="module")
def world() -> Iterator[StreetWorld]:
    with street_world() as world:
        yield world


def _in(value: Any, domain: str) -> Any:
    """`{d}` in the dataclasses of the lab's directory."""
    if isinstance(value, str):
        return value.replace("{d}", domain)
    if isinstance(value, tuple):
        return tuple(_in(entry, domain) for entry in value)
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, Directory):
        return replace(value, **{name: _in(getattr(value, name), domain) for name in value.__dataclass_fields__})
    return value


def _directory(trap: Trap) -> Directory:
    fields = trap.directory.__dataclass_fields__
    return Directory(**{name: _in(getattr(trap.directory, name), trap.domain) for name in fields})


_LONG = [pytest.param(trap, marks=pytest.mark.long) for trap in MORE]


@pytest.mark.parametrize("trap", [*TRAPS, *_LONG], ids=lambda trap: f"{trap.domain[:3]}-{trap.code}")
def test_the_trap_is_named_with_what_to_do(trap: Trap, world: StreetWorld) -> None:
    with world.planted(replace(trap, directory=_directory(trap))) as findings:
        named = [finding for finding in findings if finding.code == trap.code]
    shows = trap.shows.replace("{22}", world.address(22))
    seen = [(finding.code, finding.subject, finding.seen) for finding in findings]
    [finding] = [
        finding for finding in named if shows in finding.seen and trap.subject in finding.subject
    ] or pytest.fail(f"not named: {seen}")
    assert finding.blocks == trap.blocks
    assert finding.means and len(finding.todo) > 20 and finding.todo != "Nothing to do."


def test_a_plain_company_has_nothing_to_do(world: StreetWorld) -> None:
    with world.planted(Trap("", "plain.example")) as findings:
        assert [(finding.code, finding.seen) for finding in findings if finding.needs_action and finding.code] == []
    assert {finding.code for finding in findings} - {""} == SHOWN_ALWAYS


@pytest.mark.parametrize(("says", "blocks"), [("direct", False), ("filter", True), (None, True)])
def test_a_filter_blocks_until_the_plan_drops_it(says: str | None, blocks: bool, world: StreetWorld) -> None:
    filtered = next(trap for trap in TRAPS if trap.code == "MailComesByFilter")
    trap = replace(filtered, domain=f"{says}-says.example".lower(), plan={"mail_comes_by": says})
    with world.planted(trap) as findings:
        [finding] = [finding for finding in findings if finding.code == "MailComesByFilter"]
    assert finding.blocks == blocks
