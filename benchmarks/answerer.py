"""Runs DNS servers on loopback: NSD at many addresses for speed, and slow servers that answer like distant ones."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import dns.exception
import dns.message
import dns.query

from benchmarks.bench import Missing, on_core

Server = tuple[str, int]


def program(name: str, package: str) -> str:
    """Path of an installed program. Missing: it is not installed."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        raise Missing(f"{name} is not installed (Debian package {package})")
    return path


def addresses(count: int) -> list[str]:
    return [f"127.77.{index // 250}.{index % 250 + 1}" for index in range(count)]


def domains(count: int) -> list[str]:
    return [f"customer{index}.bench." for index in range(count)]


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("0.0.0.0", 0))  # noqa: S104 - only to learn a port that is free at every address
        return int(probe.getsockname()[1])


@contextmanager
def nsd(servers: int, names: int) -> Iterator[list[Server]]:
    """One NSD process at many addresses, with an MX for every domain; it answers far faster than anyone asks."""
    port = free_port()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        lines = [f"{name} 300 IN MX 0 {name.split('.')[0]}-com.mail.protection.outlook.com." for name in domains(names)]
        soa = "bench. 300 IN SOA ns.bench. root.bench. 1 2 3 4 5\nbench. 300 IN NS ns.bench.\n"
        (folder / "zone").write_text(soa + "\n".join(lines) + "\n")
        listen = "".join(f"  ip-address: {address}@{port}\n" for address in addresses(servers))
        (folder / "nsd.conf").write_text(
            f'server:\n{listen}  server-count: 1\n  username: ""\n  chroot: ""\n  zonesdir: "{folder}"\n'
            f'  pidfile: "{folder}/pid"\n  database: ""\n  xfrdfile: "{folder}/xfrd"\n  zonelistfile: "{folder}/list"\n'
            "  minimal-responses: yes\n  rrl-ratelimit: 0\n  tcp-count: 16\nremote-control:\n  control-enable: no\n"
            'zone:\n  name: "bench."\n  zonefile: "zone"\n'
        )
        command = [program("nsd", "nsd"), "-d", "-c", str(folder / "nsd.conf")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=on_core(0))  # noqa: S603
            try:
                _until_it_answers((addresses(servers)[-1], port), process, folder / "log")
                yield [(address, port) for address in addresses(servers)]
            finally:
                process.terminate()
                process.wait(10)


def _until_it_answers(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        try:
            dns.query.udp(dns.message.make_query(domains(1)[0], "MX"), server[0], timeout=0.5, port=server[1])
        except (dns.exception.DNSException, OSError):
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(log.read_text(errors="replace")[-2000:])


class _Slow(asyncio.DatagramProtocol):
    """Answers every question with the same MX, after a delay. It copies bytes: it must not be what is measured."""

    def __init__(self, delay: float) -> None:
        self._delay = delay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        end = data.index(b"\0", 12) + 5
        record = b"\xc0\x0c\x00\x0f\x00\x01\x00\x00\x01\x2c\x00\x09\x00\x00\x04mail\xc0\x0c"
        answer = data[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + data[12:end] + record
        asyncio.get_running_loop().call_later(self._delay, self._transport.sendto, answer, addr)


@contextmanager
def slow(servers: int, delay: float) -> Iterator[list[Server]]:
    """Servers in a thread of this process, which each answer after `delay` seconds."""
    port, loop = free_port(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start(address: str) -> asyncio.DatagramTransport:
        transport, _ = await loop.create_datagram_endpoint(lambda: _Slow(delay), local_addr=(address, port))
        return transport

    async def start_all() -> list[asyncio.DatagramTransport]:
        return [await start(address) for address in addresses(servers)]

    transports = asyncio.run_coroutine_threadsafe(start_all(), loop).result(30)
    try:
        yield [(address, port) for address in addresses(servers)]
    finally:
        for transport in transports:
            loop.call_soon_threadsafe(transport.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
