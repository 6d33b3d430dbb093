"""Make an approver's key on their own machine, and sign answers with it. The private half never leaves the machine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mailmove.approval_codes import code_for, new_key, public_half
from mailmove.errors import Blocked
from mailmove.plan.cutover import Cutover
from mailmove.plan.gates_and_windows import APPROVER, Gate
from tasks.parking.gate_questions import Asked, asked_last
from tasks.parking.resume import Parked

Passphrase = Callable[[], str]
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def key_file(name: str, folder: Path | None = None) -> Path:
    """Default path of an approver's private key."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return (folder or Path(base) / "mailmove" / "approvers") / f"{name.removeprefix(APPROVER)}.pem"


def make_approver(name: str, passphrase: str | None, folder: Path | None = None) -> tuple[Path, str]:
    """Make a key and save the block `approver/<name>` with its public half: (key file, public key).

    Blocked: the name is not a block name, or a key or block of that name exists; neither is ever replaced.
    """
    from prefect.blocks.core import Block

    from blocks.approver import Approver

    if not _NAME.fullmatch(name):
        todo = "Write lower-case letters, digits and dashes."
        raise Blocked("mailmove", wanted="a block name", seen=repr(name), todo=todo)
    reference, path = f"{APPROVER}{name}", key_file(name, folder)
    todo = "Take another name, or remove it first; who may approve changes with it."
    if path.exists():
        raise Blocked("mailmove", wanted="a new key", seen=f"{path} exists", todo=todo)
    try:
        Block.load(reference)
    except ValueError:
        pass  # as it should be
    else:
        raise Blocked("Prefect", wanted="a new approver", seen=f"the block {reference} exists", todo=todo)
    private, public = new_key(passphrase)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)
    Approver(public_key=public).save(name)
    return path, public


def question_at(gate: Parked) -> Asked:
    """The question that a parked gate shows now. Blocked: it was parked by an older version."""
    asked = asked_last(gate.run.id)
    if asked is None or str(asked.key) != gate.key:
        raise Blocked(gate.name, wanted="the question as it was shown", seen="another", todo="Try again in a minute.")
    return asked


def answer(
    gate: Parked,
    name: str,
    *,
    yes: bool,
    reason: str,
    key: Path | None,
    passphrase: Passphrase,
    show: Callable[[Asked, bool], None] = lambda *_: None,
) -> dict[str, Any]:
    """Fill in the form of a gate, signed where the plan asks for a code.

    show: called with the question before anything is signed, and whether it is to be; what it raises ends it.
    """
    cutover = Cutover.model_validate(gate.run.parameters["cutover"])
    rule: Gate = getattr(cutover.gates, gate.name)
    reference = f"{APPROVER}{name.removeprefix(APPROVER)}"
    form = {"approve": yes, "name": name, "reason": reason}
    signs = yes and reference in rule.approvers
    private = _read(key or key_file(name)) if signs else b""
    asked = question_at(gate)
    show(asked, signs)
    if signs:
        signed = asked.yes(cutover, gate.name, reference)
        form["code"] = code_for(signed, private, _passphrase_for(private, passphrase))
    return form


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Blocked(
            "mailmove",
            wanted="the approver's key",
            seen=str(error),
            todo="Approve on the machine that has it, or say --key; `mailmove new-approver` makes one.",
        ) from error


def _passphrase_for(private: bytes, ask: Passphrase) -> str | None:
    if b"ENCRYPTED" not in private:
        return None
    passphrase = ask()
    try:
        public_half(private, passphrase)
    except ValueError as error:
        raise Blocked("mailmove", wanted="the key opened", seen="it does not open", todo="Try again.") from error
    return passphrase
