"""`python -m lab.exchange.alone 14.3.123.4 2000`: an old server with that many mailboxes, in a process of its own.

It prints one line of JSON, the fields of an `ExchangeServer` block for it, and runs until its standard input ends.
"""

from __future__ import annotations

import json
import sys

from lab.authority import Authority
from lab.big_company import make_big_company
from lab.exchange.old_exchange import OldExchange
from lab.faults import Faults
from lab.places import Places


def main(version: str, mailboxes: int) -> None:
    company, authority = make_big_company(mailboxes), Authority()
    with OldExchange(Places(), authority, company, Faults(), version=version) as exchange:
        winrm = exchange.state.major < 14
        fields = {
            "ews_url": exchange.ews_url,
            "username": company.admin,
            "password": company.accounts[company.admin],
            "shell_url": exchange.shell_url.replace("/powershell", "/wsman") if winrm else exchange.shell_url,
            "shell_kind": "winrm" if winrm else "exchange",
            "extra_ca": authority.pem,
        }
        print(json.dumps(fields), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
