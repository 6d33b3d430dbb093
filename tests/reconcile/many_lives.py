"""A look at both sides in a process that can be killed: what it needs is imported once, and forked for every life."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from blocks.exchange.exchange_server import ExchangeServer
from blocks.microsoft365.microsoft365 import Microsoft365
from mailmove.items.reconcile.spool import SOURCE, TARGET, Spool


def look(path: str, address: str, source: dict[str, Any], target: dict[str, Any]) -> None:
    with Spool(Path(path)) as spool:
        spool.update(SOURCE, ExchangeServer.model_validate(source).item_changes(), address)
        spool.update(TARGET, Microsoft365.model_validate(target).items.changes(), address)


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            look(*arguments)
            os._exit(0)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)
