"""What every firewall promises, whoever stands behind it; tried with real connections."""

from __future__ import annotations

import inspect
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from firewall_worlds import PASSWORD, World, aws, manual, ssh, windows

from mailmove.errors import Blocked, Refused, Transient

SEEN = {"refuse": {"refused"}, "reject": {"rejecting"}, "drop": {"silent"}}
WORLDS: dict[str, Callable[[Path], AbstractContextManager[World]]] = {
    "aws": lambda _: aws(),
    "windows-2008": lambda _: windows("8.3.83.6"),
    "windows-2012": lambda _: windows("15.0.847.32"),
    "ssh-refuse": lambda folder: ssh(folder, "refuse"),
    "ssh-reject": lambda folder: ssh(folder, "reject"),
    "manual-refuse": lambda _: manual("refuse"),
    "manual-drop": lambda _: manual("drop"),
    "manual-reject": lambda _: manual("reject"),
}


@pytest.fixture(scope="module", params=WORLDS)
def module_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with WORLDS[request.param](tmp_path_factory.mktemp("device")) as world:
        yield world


@pytest.fixture
def world(module_world: World) -> Iterator[World]:
    """Open, before each test and after it."""
    before = module_world.firewall.allowed(module_world.port)
    assert before
    yield module_world
    if module_world.firewall.allowed(module_world.port) != before:
        module_world.set(before)
    eventually(lambda: module_world.seen() == "open")


def test_closes_and_puts_back_exactly(world: World) -> None:
    first, before = world.picture(), world.firewall.allowed(world.port)
    assert json.loads(json.dumps(before)) == before == world.firewall.allowed(world.port)
    assert world.seen() == "open"
    world.set([])
    eventually(lambda: world.seen() in SEEN[world.mode])
    assert world.firewall.allowed(world.port) == []
    closed = world.picture()
    world.firewall.set_allowed(world.port, [], world.mode)
    assert world.picture() == closed != first
    world.set(json.loads(json.dumps(before)))
    eventually(lambda: world.seen() == "open")
    world.firewall.set_allowed(world.port, before)
    assert (world.firewall.allowed(world.port), world.picture()) == (before, first)


def test_looking_changes_nothing(world: World) -> None:
    first = world.picture()
    assert world.firewall.obstacles(world.port) == []
    assert world.firewall.findings() == []  # type: ignore[attr-defined]
    assert world.picture() == first


def test_a_mode_that_it_cannot_do_is_blocked_and_nothing_is_changed(world: World) -> None:
    first = world.picture()
    unable = {"refuse", "reject", "drop"} - world.firewall.modes()
    for mode in unable:
        with pytest.raises(Blocked, match=r"firewall\.mode"):
            world.firewall.set_allowed(world.port, [], mode)  # type: ignore[arg-type]
    assert world.picture() == first
    assert world.mode in world.firewall.modes()


def test_a_kill_at_any_call_is_mended_by_the_next_try(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each remote call: the next try closes for good, and nothing is left over that opens it again."""
    if world.calls is None:
        pytest.skip("a person is not killed")
    first, before = world.picture(), world.firewall.allowed(world.port)
    world.set([])
    closed = world.picture()
    world.set(before)
    number = 0
    while dies(world, [], monkeypatch, number):
        world.set([])
        assert world.firewall.allowed(world.port) == []
        assert stable(world.picture()) == stable(closed), f"killed after call {number} of a closing"
        world.set(before)
        assert world.picture() == first
        number += 1
    assert number >= 1
    world.set(before)  # that try came to its end
    for number in range(3):
        world.set([])
        dies(world, before, monkeypatch, number)
        world.set(before)
        assert world.picture() == first, f"killed after call {number} of an opening"


def stable(picture: Any) -> str:
    """Without the names that a vendor makes up."""
    return re.sub(r"\{[0-9A-F-]{36}\}", "{}", json.dumps(picture, sort_keys=True, default=str))


def eventually(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "not within the time allowed"
        time.sleep(0.05)


class Killed(BaseException):
    """kill -9, as a test can play it."""


def dies(world: World, rules: list[dict[str, Any]], patch: pytest.MonkeyPatch, number: int) -> bool:
    """Set the rules, and be killed after one remote call; False: it was done before it came to that call."""
    owner, name = world.calls  # type: ignore[misc]
    real, count = getattr(owner, name), iter(range(100_000))

    def call(*args: Any, **kwargs: Any) -> Any:
        answer = real(*args, **kwargs)
        if next(count) == number:
            raise Killed
        return answer

    async def acall(*args: Any, **kwargs: Any) -> Any:
        answer = await real(*args, **kwargs)
        if next(count) == number:
            raise Killed
        return answer

    with patch.context() as dying:
        dying.setattr(owner, name, acall if inspect.iscoroutinefunction(real) else call)
        try:
            world.set(rules)
        except Killed:
            return True
    return False


def test_who_is_locked_out_waits_and_the_port_opens_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    if world.locked_out is None:
        pytest.skip("it cannot lock us out")
    first = world.picture()
    owner, name = world.calls  # type: ignore[misc]
    real = getattr(owner, name)

    def locks(line: str) -> bool:
        return "New-NetFirewallRule" in line or "add rule" in line or line.startswith("echo ")

    def call(self: Any, cmdlet: str, **parameters: Any) -> Any:
        answer = real(self, cmdlet, **parameters)
        if locks(f"{cmdlet} {parameters}"):
            world.locked_out(True)  # type: ignore[misc]
        return answer

    async def acall(self: Any, device: Any, command: str, port: int, **more: str) -> str:
        answer: str = await real(self, device, command, port, **more)
        if locks(command):
            world.locked_out(True)  # type: ignore[misc]
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, acall if inspect.iscoroutinefunction(real) else call)
        with pytest.raises(Transient, match="opens the port again by itself"):
            world.firewall.set_allowed(world.port, [], world.mode)
    eventually(lambda: world.seen() == "open", 30)
    world.locked_out(False)
    world.firewall.set_allowed(world.port, world.firewall.allowed(world.port))
    assert world.picture() == first, "nothing of the reopening is left behind"


def test_a_wrong_secret_is_refused_and_shown_nowhere(world: World) -> None:
    assert PASSWORD not in repr(world.firewall) + str(world.firewall.model_dump())  # type: ignore[attr-defined]
    if world.wrong_secret is None:
        pytest.skip("its sign-in is tried elsewhere, or it has none")
    with pytest.raises(Refused) as caught:
        world.wrong_secret.allowed(world.port)
    assert "wrong" not in str(caught.value)
    (finding,) = world.wrong_secret.findings()  # type: ignore[attr-defined]
    assert finding.blocks


def test_one_that_is_away_is_transient(world: World) -> None:
    if world.away is None:
        pytest.skip("tried elsewhere")
    with pytest.raises(Transient) as caught:
        world.away.allowed(world.port)
    assert PASSWORD not in str(caught.value)


def test_rules_of_another_firewall_are_not_taken(world: World) -> None:
    if world.firewall.by_hand or world.calls is None or "Aws" in type(world.firewall).__name__:
        pytest.skip("it has rules of its own kind")
    with pytest.raises(Blocked, match="not of this"):
        world.firewall.set_allowed(world.port, [{"IpProtocol": "tcp"}])
