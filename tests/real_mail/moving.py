"""Runs inside the office's network namespace: two mail servers, the product's own DNS code, and the firewall.

`python moving.py <order> <messages>`, where order is `in turn` (wait until the world has noticed, then close)
or `too early` (close at once). Prints a JSON object.
"""

from __future__ import annotations

import asyncio
import json
import smtplib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from cabling import CLOUD, DOMAIN, KEY, NAME_SERVER, OLD, POSTFIX, RESOLVER

from blocks.dns.rfc2136 import Rfc2136
from mailmove.dns.propagation.measure import poll_result, sweep
from mailmove.dns.zone.authority import authorities
from mailmove.plan.quorum import Policy
from mailmove.records import RRsetChange
from mailmove.smtp.port_check import check_port


class Sink:
    """A mail server that remembers what it has said 250 to, and when."""

    def __init__(self, address: str) -> None:
        self.taken: list[tuple[str, float]] = []
        self._door = Controller(self, hostname=address, port=25, server_hostname=f"sink.{DOMAIN}")
        self._door.start()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        heads = [line for line in envelope.content.splitlines() if line.lower().startswith(b"message-id:")]
        self.taken.append((heads[0].split(b":", 1)[1].strip().decode(), time.monotonic()))
        return "250 2.0.0 taken"

    def stop(self) -> None:
        self._door.stop()


class Sender:
    """Gives messages to Postfix, until it is told to stop."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.03):
            name = f"<{len(self.sent)}.real@senders.example>"
            with smtplib.SMTP(POSTFIX, 25, local_hostname="client.senders.example", timeout=20) as smtp:
                smtp.sendmail(
                    "ann@senders.example", f"info@{DOMAIN}", f"Message-ID: {name}\r\nSubject: x\r\n\r\nHello.\r\n"
                )
            self.sent.append(name)

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


def switch() -> RRsetChange:
    """The product's own provider block, against BIND."""
    provider = Rfc2136(server=NAME_SERVER, key_name=KEY[0], key_secret=KEY[1], algorithm=KEY[2], zones=[DOMAIN])
    before = provider.read_zone(f"{DOMAIN}.")[f"{DOMAIN}.", "MX"]
    change = RRsetChange(before=before, after=before.model_copy(update={"values": (f"0 cloud.{DOMAIN}.",)}))
    provider.apply(f"{DOMAIN}.", [change])
    return change


def noticed(change: RRsetChange) -> float:
    """Seconds until the product says that every authority and every resolver has the new set."""

    async def wait() -> float:
        started, seen = time.monotonic(), None
        while True:
            servers = await authorities(f"{DOMAIN}.", [(RESOLVER, 53)], 53)
            seen = await sweep(change.before, change.after, servers, [(RESOLVER, 53)], previous=seen, dns_port=53)
            if poll_result(seen, Policy(kind="quorum", share=1.0)).done:
                return time.monotonic() - started
            await asyncio.sleep(0.2)

    return asyncio.run(wait())


def close_the_door() -> float:
    """nftables: the old server's port 25 is refused from now on; seen by a real connection."""
    rules = (
        "add table inet office",
        "add chain inet office input { type filter hook input priority 0; }",
        f"add rule inet office input ip daddr {OLD} tcp dport 25 ct state new reject with tcp reset",
    )
    subprocess.run(["nft", "-f", "-"], input="\n".join(rules), text=True, check=True)
    until(lambda: check_port(OLD, 25).closed, "the port is closed")
    return time.monotonic()


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def main(order: str, least: int) -> dict[str, Any]:
    old, cloud, sender = Sink(OLD), Sink(CLOUD), Sender()
    try:
        until(lambda: len(old.taken) >= least, "mail reaches the old server")
        early = close_the_door() if order == "too early" else None
        waited = noticed(switch())
        stale = len(old.taken)
        closed = early or close_the_door()
        until(lambda: len(cloud.taken) >= least, "mail reaches the cloud")
        sender.stop()
        names = lambda: {name for sink in (old, cloud) for name, _ in sink.taken}  # noqa: E731
        until(lambda: names() >= set(sender.sent), "everything has arrived", 90)
        time.sleep(1.0)  # a second copy would come now
        return {
            "sent": sender.sent,
            "old": [name for name, _ in old.taken],
            "cloud": [name for name, _ in cloud.taken],
            "old after the switch was noticed": len(old.taken) - stale,
            "old after the door was closed": sum(at > closed + 1 for _, at in old.taken),
            "seconds until it was noticed": waited,
        }
    finally:
        sender.stop()
        old.stop()
        cloud.stop()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
