"""Find the Prefect server and its sign-in, before Prefect reads its settings; never start a temporary one.

First of these that says something:

1. MAILMOVE_HOME: the home of a box (`mailmove up --home`).
2. PREFECT_API_URL, PREFECT_HOME or PREFECT_PROFILE: Prefect's own ways. A box at the same address gives its sign-in.
3. ~/.mailmove and /var/lib/mailmove, where a box is usually kept.
4. Prefect's active profile.

The string of a box is used only where its address is asked, and after the server there has proved that it knows it:
the port of a box that has ended may be somebody else's by now.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from deployments.cli.keeping import HOME
from deployments.server.proxies import spare_loopback
from mailmove.errors import Blocked

USUAL_HOMES = ("~/.mailmove", "/var/lib/mailmove")


def find_server() -> None:
    """Set this process's environment so that Prefect's clients find the server. Blocked: there is none, or not ours."""
    if "prefect" in sys.modules:  # it has read its settings: whoever imported it knows its server
        return
    os.environ.update(spare_loopback(os.environ))
    os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"
    os.environ.setdefault("DO_NOT_TRACK", "1")
    named = os.environ.get(HOME)
    if named:
        _use(Path(named), asked=None)
        return
    asked = os.environ.get("PREFECT_API_URL")
    own_ways = {"PREFECT_HOME", "PREFECT_PROFILE", "PREFECT_API_AUTH_STRING"} & set(os.environ)
    if not own_ways:
        homes = [Path(home).expanduser() for home in USUAL_HOMES]
        for home in homes:
            if _address(home) and asked in (None, _address(home)):
                _use(home, asked)
                return
    if not asked:
        _check_that_prefect_knows_one()


def _address(home: Path) -> str | None:
    from deployments.server.home import read_profile

    profile = read_profile(home)
    return profile[0] if profile else None


def _use(home: Path, asked: str | None) -> None:
    """Point Prefect at the box of this home, if it is the one that answers."""
    from deployments.server.box import proves_itself
    from deployments.server.home import read_profile

    profile = read_profile(home)
    if profile is None:
        raise Blocked(
            "mailmove",
            wanted=f"the box of {home}",
            seen="no profiles.toml there that this user may read",
            todo=f"Give the home of `mailmove up` in {HOME}, and run it as the same user.",
        )
    url, string = profile
    if not proves_itself(url, string):
        raise Blocked(
            "mailmove",
            wanted=f"the box of {home} at {url}",
            seen="nothing, or what is not the box: it does not prove that it knows the string, which was not sent",
            todo="Start it: `mailmove up`. If something else has that port, give it another --port.",
        )
    for name in ("PREFECT_PROFILE", *(() if asked else ("PREFECT_API_URL",))):
        os.environ.pop(name, None)
    os.environ.update({"PREFECT_HOME": str(home), "PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": string})


def _check_that_prefect_knows_one() -> None:
    from prefect.settings import get_current_settings

    if not get_current_settings().api.url:
        raise Blocked(
            "mailmove",
            wanted="the address of a Prefect server",
            seen=f"neither {HOME} nor PREFECT_API_URL, and no box in {' or '.join(USUAL_HOMES)}",
            todo=f"Start one with `mailmove up`, or set {HOME} to the home of one that runs.",
        )
