"""The reader of what a router prints over SSH: bytes of any charset, through a real connection."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import asyncssh
from answers import Answer
from mutate_text import bytes_mutation, lines_mutation
from reader import Case, Reader

from blocks.firewall.ssh_gateway import SshGateway

ROUTER_NAMES = ("router by SSH",)
_RULES = """table inet mailmove {
\tchain forward { # Größe: 1
\t\ttype filter hook forward priority filter; policy accept;
\t\ttcp dport 25 reject with tcp reset
\t}
}
""".encode()


class PrintingRouter:
    """Prints bytes for `show`, nothing for anything else."""

    def __init__(self) -> None:
        self.shows = b""
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="router")
        self._server: asyncssh.SSHAcceptor | None = None

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)

    def close(self) -> None:
        assert self._server is not None
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _listen(self) -> None:
        class Anybody(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                return False

        def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
            process.stdout.write(self.shows if process.command == "show" else b"")
            process.exit(0)

        self._server = await asyncssh.listen("127.0.0.1", 0, server_factory=Anybody, server_host_keys=[self.key],
                                             process_factory=run, encoding=None)  # fmt: skip
        self.port = self._server.get_port()


@contextlib.contextmanager
def router_readers() -> Iterator[list[Reader]]:
    router = PrintingRouter()
    router.start()
    block = SshGateway(host="127.0.0.1", ssh_port=router.port, host_key=router.key.export_public_key().decode(),
                       username="admin", show_command="show", closed_pattern="tcp dport {port} (reject|drop)",
                       open_command="open", close_commands={"refuse": "close"}, timeout_seconds=5)  # fmt: skip

    def read(answers: Sequence[Answer]) -> Any:
        router.shows = answers[0].body
        return block.allowed(25)

    yield [Reader("router by SSH", [Case("rules", [Answer(_RULES)], read)], [lines_mutation, bytes_mutation],
                  measure=lambda rules: Counter())]  # fmt: skip
    router.close()
