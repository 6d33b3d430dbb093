"""Check a mail server's port from outside, by connecting to it as a sender does."""

from __future__ import annotations

import errno
import socket
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mailmove.errors import Blocked, Transient
from mailmove.wire.acts import act, connected

State = Literal["open", "refused", "silent", "unreachable", "deferring", "rejecting"]

_MEANS: dict[str, str] = {
    "open": "it takes mail",
    "refused": "connection refused: a sender tries the next MX, or queues and looks the MX up again",
    "silent": "no answer: a sender waits for its timeout, then queues",
    "unreachable": "no way to it: a sender queues",
    "deferring": "it answers 4xx, or hangs up: a sender queues",
    "rejecting": "it answers 5xx: a sender bounces the mail at once",
}


class PortCheck(BaseModel):
    """The state of a port as a sender meets it (RFC 5321 sections 3.1 and 4.5.4.1)."""

    model_config = ConfigDict(frozen=True)

    address: str
    port: int
    state: State
    words: str = Field(default="", description="The server's greeting, or the system's words")
    greets_as: str = Field(default="", description="The name that it greets with, lower case; '': none")

    @property
    def closed(self) -> bool:
        """Is no connection possible at all? A server that hangs up is not a closed port: it may come back."""
        return self.state in ("refused", "silent", "unreachable")

    def __str__(self) -> str:
        words = f" ({self.words})" if self.words else ""
        return f"{self.address} port {self.port}: {_MEANS[self.state]}{words}"


def check_port(address: str, port: int, timeout: float = 10.0) -> PortCheck:
    """Connect, read the greeting, send QUIT.

    address: IP address or host name. timeout: seconds, for the connection and again for the whole greeting.
    A server that accepts and sends no greeting in time counts as open: its port is not closed.
    Blocked: the name does not exist; Transient: the name could not be looked up now.
    """

    def checked(state: State, words: str) -> PortCheck:
        return PortCheck(address=address, port=port, state=state, words=words)

    try:
        connection = connected((address, port), timeout)
    except socket.gaierror as error:
        raise _no_name(address, error) from error
    except TimeoutError:
        return checked("silent", f"no answer in {timeout:g} s")
    except ConnectionRefusedError as error:
        return checked("refused", error.strerror or "connection refused")
    except OSError as error:
        if error.errno == errno.ECONNRESET:
            return checked("refused", error.strerror or "connection reset")
        return checked("unreachable", error.strerror or str(error))
    with connection:
        try:
            with act(timeout):
                greeting = _first_line(connection)
                if greeting[:1] == "2":
                    connection.sendall(b"QUIT\r\n")
        except TimeoutError:
            return checked("open", f"accepts, and says nothing in {timeout:g} s")
        except OSError as error:
            return checked("deferring", f"accepts, then: {error.strerror or error}")
    if not greeting:
        return checked("deferring", "accepts, then closes without a word")
    state: State = {"4": "deferring", "5": "rejecting"}.get(greeting[0], "open")  # type: ignore[assignment]
    return checked(state, greeting).model_copy(update={"greets_as": greeting_name(greeting)})


def greeting_name(greeting: str) -> str:
    """The name in `220 <name> ...` (RFC 5321 section 4.2), lower case; "": another code, or no name with a dot."""
    code, _, text = greeting.replace("220-", "220 ", 1).partition(" ")
    name = text.split(" ")[0].lower() if code == "220" and text else ""
    return name if "." in name else ""


def _first_line(connection: socket.socket) -> str:
    data = b""
    while b"\n" not in data and len(data) < 4096:
        chunk = connection.recv(512)
        if not chunk:
            break
        data += chunk
    return data.split(b"\n")[0].decode("ascii", "replace").strip()


def _no_name(address: str, error: socket.gaierror) -> Blocked | Transient:
    kind: type[Blocked | Transient] = Transient if error.errno == socket.EAI_AGAIN else Blocked
    todo = "It is asked again." if kind is Transient else "Check the name in the plan."
    return kind("name look-up", wanted=f"the address of {address}", seen=error.strerror or str(error), todo=todo)
