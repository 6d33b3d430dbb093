"""Rehearse the whole cutover against the lab on loopback; needs nobody's server and nobody's credentials."""

from __future__ import annotations

import time
from typing import Any

from prefect import flow

from mailmove.errors import Blocked


@flow
def rehearsal(users: int = 14, shared: int = 3, public_folders: int = 2, messages: int = 3000) -> dict[str, Any]:
    """The account of every message. Fails when it does not add up, or when the cutover was held up."""
    try:  # a production installation has no lab's packages, and registers this deployment all the same
        from lab.rehearsal import Rehearsal
        from lab.town import Town
    except ModuleNotFoundError as error:
        raise Blocked(
            "mailmove", wanted="the lab", seen=f"no {error.name}", todo="`make setup` installs it."
        ) from error
    with Town(users=users, shared=shared, public_folders=public_folders, messages=messages) as lab:
        rehearsed = Rehearsal(lab)
        rehearsed.start()
        while not rehearsed.step():
            time.sleep(1)
        account = rehearsed.account()
    if rehearsed.troubles or not account.adds_up:
        raise RuntimeError("\n".join(["the rehearsal does not add up", *rehearsed.troubles, *account.lines()]))
    return account.to_json()
