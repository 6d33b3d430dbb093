"""Show `mailmove board`: live in the terminal, or served as a page."""

from __future__ import annotations

import os
import time

from prefect.blocks.system import Secret
from prefect.settings import PREFECT_UI_URL
from rich.console import Console
from rich.live import Live

from deployments.board.server import SHORTEST_TOKEN, board_app, serve
from deployments.display.render import board_view
from mailmove.errors import Blocked
from tasks.execution.open_blocks import open_block
from tasks.reporting.status import board

TOKEN = "MAILMOVE_BOARD_TOKEN"  # noqa: S105  # the name of the variable
"""Name of the environment variable that holds the board's token."""
_EVERY_SECONDS = 5.0
"""Seconds between two readings of the board in the terminal."""


def watch_board(*, once: bool) -> None:
    """Show the board in the terminal until Ctrl-C; `once`: print it and return."""
    console = Console()
    if once:
        console.print(board_view(board()))
        return
    with Live(console=console, auto_refresh=False, screen=console.is_terminal) as live:
        cutovers = board()
        while True:
            live.update(board_view(cutovers), refresh=True)
            try:
                time.sleep(_EVERY_SECONDS)
                cutovers = board()
            except KeyboardInterrupt:
                return
            except Exception as error:  # noqa: BLE001  # a server that is being restarted comes back
                stale = f"Prefect does not answer ({type(error).__name__}): this is old."
                live.update(board_view(cutovers, stale), refresh=True)


def serve_board(host: str, port: int, token_block: str | None) -> None:
    """Serve the board as a page until the process is stopped. Blocked: no token guards it."""
    try:
        app = board_app(_token(token_block), board, ui=(PREFECT_UI_URL.value() or "").rstrip("/"))
    except ValueError as error:
        raise Blocked("mailmove", wanted="a token to guard the board", seen=str(error), todo=_TODO) from error
    Console(stderr=True).print(f"The board: http://{host}:{port}/ (any user name; the token is the password)")
    serve(app, host, port)


_TODO = f"Put {SHORTEST_TOKEN} random characters or more into {TOKEN}, or into a Secret block named by --token-block."


def _token(block: str | None) -> str:
    if block is None:
        return os.environ.get(TOKEN, "")
    kept = open_block(block, Secret).get()
    return str(kept.get_secret_value() if hasattr(kept, "get_secret_value") else kept)
