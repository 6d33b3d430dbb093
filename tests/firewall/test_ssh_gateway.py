"""What only SSH has: host keys, and commands that fail or cut us off."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from firewall_worlds import PASSWORD, Device
from pydantic import ValidationError

from lab.places import Places
from mailmove.errors import Blocked, Throttled, Transient

PORT = Places().smtp_port  # reopenings of other test runs lie in the same folder, by port


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    with Device(Places(), tmp_path) as running:
        yield running


def test_another_host_key_is_blocked_before_a_secret_is_sent(device: Device) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    with pytest.raises(Blocked, match="another host key") as caught:
        device.block(host_key=other).allowed(PORT)
    assert device.heard == []
    assert PASSWORD not in str(caught.value)
    assert device.block().allowed(PORT)
    assert device.heard == [PASSWORD]


def test_a_host_key_that_is_none_is_told_when_it_is_typed(device: Device) -> None:
    with pytest.raises(ValidationError, match="no public key"):
        device.block(host_key="mail.contoso.com ssh-ed25519 ???")


def test_a_command_that_fails_is_blocked_in_its_own_words(device: Device) -> None:
    with pytest.raises(Blocked, match="status 3: no such chain") as caught:
        device.block(show_command="echo no such chain >&2; exit 3").allowed(PORT)
    assert not isinstance(caught.value, Throttled)
    (finding,) = device.block(show_command="exit 3").findings()
    assert finding.blocks and "status 3" in finding.seen


def test_a_closing_that_fails_leaves_the_port_open_and_is_tried_again(device: Device) -> None:
    block = device.block(close_commands={"drop": "exit 1"}, reopen_seconds=8)
    with pytest.raises(Blocked, match="status 1"):
        block.set_allowed(PORT, [], "drop")
    sound = device.block(reopen_seconds=8)
    assert sound.allowed(PORT)
    sound.set_allowed(PORT, [], "drop")
    assert sound.allowed(PORT) == []
    left = subprocess.run(["sh", "-c", f"ls -d /tmp/mailmove-reopen-{PORT}-* 2>/dev/null"], capture_output=True)
    assert left.stdout == b"", "every reopening was called off"


def test_a_command_that_takes_too_long_is_transient(device: Device) -> None:
    with pytest.raises(Transient):
        device.block(show_command="sleep 2.5", timeout_seconds=1).allowed(PORT)
    time.sleep(2)  # so that the device has no process left when it is switched off


@pytest.mark.parametrize("charset", ["iso-8859-1", "cp437", "utf-8"])
def test_a_device_may_write_in_any_charset(device: Device, charset: str) -> None:
    """The comment of a rule is the customer's own; which charset a router's console has, nobody says."""
    comment = device.folder / "comment"
    comment.write_bytes("# Größe für Köln\n".encode(charset))
    block = device.block(show_command=f"cat {comment}; cat {device.folder}/closed-* 2>/dev/null || true",
                         closed_pattern="^refuse$")  # fmt: skip
    assert block.allowed(PORT) != []
    block.set_allowed(PORT, [], "refuse")
    assert block.allowed(PORT) == []
    failing = device.block(show_command=f"cat {comment} >&2; exit 3")
    with pytest.raises(Blocked, match="status 3: # Gr"):
        failing.allowed(PORT)
