"""A running old Exchange for tests, and what one needs to use it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from blocks.exchange.exchange_server import ExchangeServer
from lab.authority import Authority
from lab.company import Company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places
from mailmove.items.item import Item


@dataclass
class Server:
    """A running server, and what one needs to use it."""

    exchange: OldExchange
    company: Company
    faults: Faults
    places: Places
    authority: Authority

    def block(self, **changes: object) -> ExchangeServer:
        """The production block, pointed at this server."""
        is_2007 = self.exchange.state.major == 8
        shell = self.exchange.shell_url
        fields: dict[str, object] = {
            "ews_url": self.exchange.ews_url,
            "username": self.company.admin,
            "password": self.company.accounts[self.company.admin],
            "shell_url": shell.replace("/powershell", "/wsman") if is_2007 else shell,
            "shell_kind": "winrm" if is_2007 else "exchange",
            "extra_ca": self.authority.pem,
        }
        return ExchangeServer.model_validate({**fields, **changes})

    def items(self, address: str, **changes: object) -> list[Item]:
        """Every item of a mailbox, as the block reads it."""
        of = self.block(**changes).item_changes()
        pages = [page for folder in of.folders(address) for page in of.changes(address, folder, None)]
        return [item for page in pages for item in page.items]


StartServer = Callable[..., Server]
