"""Two network namespaces joined by a cable: `outside` with Postfix and unbound, `office` with BIND, both mail servers
and nftables before them."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cabling import CLOUD, DOMAIN, KEY, LONGEST, NAME_SERVER, OLD, POSTFIX, RESOLVER
from real_parts import require


@dataclass
class World:
    """office, outside: names of the namespaces. home: folder of all files. queue: is Postfix's queue empty?"""

    office: str
    outside: str
    home: Path

    def within(self, namespace: str, *command: str, seconds: float = 60) -> str:
        done = subprocess.run(
            [require("ip"), "netns", "exec", namespace, *command],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def log(self, name: str) -> str:
        return (self.home / f"{name}.log").read_text(errors="replace")


@contextmanager
def world() -> Iterator[World]:
    """Skipped, with the reason, where it cannot be; in CI it must be."""
    for program in ("ip", "nft", "postfix", "named", "unbound"):
        require(program)
    if os.geteuid() != 0 or not _may_make_namespaces():
        assert not os.environ.get("CI"), "CI must be able to make network namespaces (root)"
        pytest.skip("making network namespaces needs root")
    home = Path(tempfile.mkdtemp(prefix="mailmove-postfix-"))
    home.chmod(0o755)  # Postfix's own user must be able to pass
    mark = home.name[-6:].lower().replace("_", "x")
    made = World(f"mm-office-{mark}", f"mm-outside-{mark}", home)
    try:
        with ExitStack() as stack:
            stack.enter_context(_cabled(made, mark))
            stack.enter_context(_bind(made))
            stack.enter_context(_unbound(made))
            stack.enter_context(_postfix(made))
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _may_make_namespaces() -> bool:
    name = f"mm-try-{os.getpid()}"
    made = subprocess.run([require("ip"), "netns", "add", name], capture_output=True, check=False).returncode == 0
    if made:
        subprocess.run([require("ip"), "netns", "del", name], check=False)
    return made


@contextmanager
def _cabled(made: World, mark: str) -> Iterator[None]:
    ip = require("ip")
    own_etc = Path("/etc/netns") / made.outside  # `ip netns exec` lays it over /etc
    addresses = {made.outside: (POSTFIX, RESOLVER), made.office: (NAME_SERVER, OLD, CLOUD)}
    try:
        for namespace in addresses:
            subprocess.run([ip, "netns", "add", namespace], check=True)
        ends = dict(zip(addresses, (f"mo{mark}", f"mi{mark}"), strict=True))
        cable = ["link", "add", ends[made.outside], "netns", made.outside, "type", "veth"]
        subprocess.run([ip, *cable, "peer", "name", ends[made.office], "netns", made.office], check=True)
        for namespace, mine in addresses.items():
            for address in mine:
                made.within(namespace, ip, "address", "add", f"{address}/24", "dev", ends[namespace])
            made.within(namespace, ip, "link", "set", "lo", "up")
            made.within(namespace, ip, "link", "set", ends[namespace], "up")
        own_etc.mkdir(parents=True)
        (own_etc / "resolv.conf").write_text(f"nameserver {RESOLVER}\noptions timeout:2 attempts:3\n")
        yield
    finally:
        shutil.rmtree(own_etc, ignore_errors=True)
        for namespace in addresses:
            subprocess.run([ip, "netns", "del", namespace], check=False, capture_output=True)


@contextmanager
def _bind(made: World) -> Iterator[None]:
    key = f'key "{KEY[0]}" {{ algorithm {KEY[2]}; secret "{KEY[1]}"; }};'
    (made.home / "zone.db").write_text(
        f"$ORIGIN {DOMAIN}.\n$TTL 2\n@ SOA ns hostmaster 1 60 60 600 1\n@ NS ns\nns A {NAME_SERVER}\n"
        f"@ MX 10 mail\nmail A {OLD}\ncloud A {CLOUD}\n"
    )
    (made.home / "named.conf").write_text(
        f'{key}\noptions {{ directory "{made.home}"; pid-file none; session-keyfile none; recursion no;\n'
        f"  dnssec-validation no; listen-on-v6 {{ none; }}; listen-on {{ {NAME_SERVER}; }};\n"
        f"  allow-transfer {{ key {KEY[0]}; }}; }};\ncontrols {{ }};\n"
        f'zone "{DOMAIN}" {{ type primary; file "zone.db"; allow-update {{ key {KEY[0]}; }}; }};\n'
    )
    command = [require("named"), "-g", "-n", "1", "-c", str(made.home / "named.conf")]
    with _running(made, made.office, "named", command, lambda: "running" in made.log("named")):
        yield


@contextmanager
def _unbound(made: World) -> Iterator[None]:
    (made.home / "unbound.conf").write_text(
        f'server:\n  directory: "{made.home}"\n  pidfile: ""\n  chroot: ""\n  username: ""\n  use-syslog: no\n'
        f"  num-threads: 1\n  interface: {RESOLVER}\n  access-control: 0.0.0.0/0 allow\n  module-config: iterator\n"
        f"  cache-min-ttl: {LONGEST}\nremote-control:\n  control-enable: no\n"
        f'stub-zone:\n  name: "{DOMAIN}"\n  stub-addr: {NAME_SERVER}\n'
    )
    command = [require("unbound"), "-d", "-c", str(made.home / "unbound.conf")]
    with _running(made, made.outside, "unbound", command, lambda: "start of service" in made.log("unbound")):
        yield


@contextmanager
def _postfix(made: World) -> Iterator[None]:
    """Debian's own master.cf, without its chroots; a queue that is run every second."""
    etc, postfix = made.home / "postfix", require("postfix")
    for folder in ("postfix", "queue", "data"):
        (made.home / folder).mkdir()
    shutil.chown(made.home / "data", "postfix")
    stock = Path("/usr/share/postfix/master.cf.dist").read_text()
    lines = [line.split() for line in stock.splitlines() if line and line[0] not in "# \t"]
    services = [[*words[:4], "n", *words[5:]] for words in lines if len(words) >= 8 and words[0] != "maildrop"]
    (etc / "master.cf").write_text("\n".join(" ".join(words) for words in services) + "\n")
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": made.home / "queue",
        "data_directory": made.home / "data",
        "maillog_file": "/dev/stdout",
        "inet_interfaces": POSTFIX,
        "inet_protocols": "ipv4",
        "myhostname": "mx.senders.example",
        "mydestination": "",
        "mynetworks": "10.77.0.0/24",
        "alias_maps": "",
        "alias_database": "",
        "local_recipient_maps": "",
        "smtp_tls_security_level": "none",
        "smtp_connect_timeout": "2s",
        "smtp_bind_address": POSTFIX,
        "queue_run_delay": "1s",
        "minimal_backoff_time": "1s",
        "maximal_backoff_time": "3s",
        "smtp_connection_cache_on_demand": "no",
    }
    (etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in settings.items()))
    command = [postfix, "-c", str(etc), "start-fg"]
    ready = lambda: "daemon started" in made.log("postfix")  # noqa: E731
    with _running(made, made.outside, "postfix", command, ready):
        try:
            yield
        finally:
            made.within(made.outside, postfix, "-c", str(etc), "stop")


@contextmanager
def _running(
    made: World, namespace: str, name: str, command: list[str], ready: Callable[[], bool], patience: float = 60
) -> Iterator[None]:
    """A server in a namespace, from when it is ready; ended on exit."""
    with (made.home / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([require("ip"), "netns", "exec", namespace, *command], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + patience
        while not ready():
            assert process.poll() is None and time.monotonic() < deadline, made.log(name)[-3000:]
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()
