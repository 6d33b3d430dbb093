"""Two lab servers in processes of their own, and a mover between them that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.microsoft365 import Microsoft365
from lab.move_town import Served, addresses
from mailmove.items.copy.mailbox import Manners
from mailmove.items.copy.mover import DirectMover, in_folder
from mailmove.items.copy.rate_limits import UNLIMITED, Limits

SETTLE = 2.0
"""Seconds; longer than the lab's cloud lags."""


def make_mover(source: dict[str, Any], target: dict[str, Any], folder: Path, limits: Limits = UNLIMITED) -> DirectMover:
    return DirectMover(
        ExchangeServer.model_validate(source).origin(),
        Microsoft365.model_validate(target).items.destination(limits),
        in_folder(folder),
        Manners(lanes=2, settle=SETTLE),
    )


def mover_between(old: Served, cloud: Served, folder: Path, limits: Limits = UNLIMITED) -> DirectMover:
    return make_mover(old.fields, cloud.fields, folder, limits)


class Lives:
    """A mover in a process of its own, once and again: imported once, forked for every life."""

    def __init__(self, old: Served, cloud: Served, boxes: int, folder: Path) -> None:
        arguments = json.dumps([old.fields, cloud.fields, boxes, str(folder)])
        self._nursery = subprocess.Popen(
            [sys.executable, str(Path(__file__)), arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._nursery.stdin is not None and self._nursery.stdout is not None
        self._nursery.stdin.close()
        self._nursery.wait(30)
        self._nursery.stdout.close()

    def begin(self) -> int:
        """Process id of a mover that starts now."""
        assert self._nursery.stdin is not None
        self._nursery.stdin.write("go\n")
        self._nursery.stdin.flush()
        return self._told()

    def ended(self) -> int:
        """Waits for its end; the status as os.waitpid gives it."""
        return self._told()

    def _told(self) -> int:
        assert self._nursery.stdout is not None
        return int(self._nursery.stdout.readline())


if __name__ == "__main__":
    source, target, boxes, folder = json.loads(sys.argv[1])
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            make_mover(source, target, Path(folder)).move(addresses(boxes))
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)
