"""Proxies of the environment: production goes through them, loopback and the lab never do.

`HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` are read by every HTTP client that Mailmove has. What is asked
at loopback is our own Prefect server, with its string: no proxy may see it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from deployments.server.guard import LOOPBACK


def spare_loopback(environment: Mapping[str, str]) -> dict[str, str]:
    """`NO_PROXY` in both spellings, with the names of loopback besides what it lists."""
    listed = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    names = [name.strip() for name in listed.split(",") if name.strip()]
    if names == ["*"]:
        return {"NO_PROXY": "*", "no_proxy": "*"}
    spared = ",".join([*names, *(name for name in LOOPBACK if name not in names)])
    return {"NO_PROXY": spared, "no_proxy": spared}


def forget_proxies() -> None:
    """Take every proxy out of this process's environment: all that a rehearsal asks is on this machine."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ.update({"NO_PROXY": "*", "no_proxy": "*"})
