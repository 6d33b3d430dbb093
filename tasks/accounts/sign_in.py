"""A person at the terminal signs in for a block, which keeps what they leave; Prefect encrypts it."""

from __future__ import annotations

from collections.abc import Callable

from mailmove.ports import TakesSignIn
from tasks.execution.open_blocks import open_block


def sign_in_to(reference: str, show: Callable[[str], None], *, browser: bool = False, port: int = 0) -> str:
    """Who signed in. Blocked: there is no such block, or nobody signs in as it. NotYet, Refused: see the block."""
    block = open_block(reference, TakesSignIn)  # type: ignore[type-abstract]
    who = block.sign_in_by_browser(show, port=port) if browser else block.sign_in(show)
    name = reference.partition("/")[2]
    block.save(name, overwrite=True)  # type: ignore[attr-defined]  # every block that is loaded can be saved
    return who
