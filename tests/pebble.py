"""A real ACME server: Let's Encrypt's own Pebble, which verifies challenges over the DNS of a lab town."""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from real_parts import require

from lab.authority import Authority
from lab.places import Places, free_ports


@dataclass
class Pebble:
    directory: str
    management: str
    ca: str  # PEM that vouches for its HTTPS
    log: Path

    def get(self, url: str) -> bytes:
        context = ssl.create_default_context(cadata=self.ca)
        with urllib.request.urlopen(url, context=context, timeout=5) as answer:
            return bytes(answer.read())

    @property
    def root(self) -> str:
        """PEM of the root under which it issues."""
        return self.get(f"{self.management}/roots/0").decode()

    def orders(self) -> int:
        """How many certificates it has issued."""
        return self.log.read_text().count("Issued certificate serial")


@contextlib.contextmanager
def pebble(folder: Path, resolver: str) -> Iterator[Pebble]:
    """resolver: `address:port` at which it looks for the challenges."""
    program, authority, places = require("pebble"), Authority(), Places()
    host, port, management = places.host(61), places.https_port, free_ports(1)[0]
    leaf = authority.issue(host)
    (folder / "cert.pem").write_bytes(b"".join(one.bytes() for one in leaf.cert_chain_pems))
    (folder / "key.pem").write_bytes(leaf.private_key_pem.bytes())
    settings = {
        "listenAddress": f"{host}:{port}",
        "managementListenAddress": f"{host}:{management}",
        "certificate": str(folder / "cert.pem"),
        "privateKey": str(folder / "key.pem"),
        "httpPort": 5002,
        "tlsPort": 5001,
    }
    (folder / "config.json").write_text(json.dumps({"pebble": settings}))
    log = folder / "pebble.log"
    with log.open("wb") as out:
        running = subprocess.Popen(
            [program, "-config", str(folder / "config.json"), "-dnsserver", resolver],
            env={**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"},
            stdout=out,
            stderr=out,
        )
        try:
            made = Pebble(f"https://{host}:{port}/dir", f"https://{host}:{management}", authority.pem, log)
            deadline = time.monotonic() + 20
            while True:
                try:
                    made.get(made.directory)
                    break
                except OSError:
                    assert time.monotonic() < deadline and running.poll() is None, log.read_text()
                    time.sleep(0.05)
            yield made
        finally:
            running.terminate()
            running.wait(10)
