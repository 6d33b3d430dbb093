"""The home of a box: who may read it, who uses it, and what it leaves.

HOME/
  lock            taken while a box, a backup that writes, or a restore uses the home
  api-string      sign-in of the API             (kept_secrets.py)
  block-key       key of the stored credentials  (kept_secrets.py)
  profiles.toml   Prefect's own profile: address and sign-in, for commands of the same user
  prefect.db      the database
  storage/ ...    results, items, journals
  tmp/            temporary files of all parts; emptied at each start
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from deployments.server.kept_secrets import write_private
from mailmove.errors import Blocked

PROFILE = "profiles.toml"
"""File name of Prefect's profiles, below its home."""
TEMPORARY = "tmp"
_DEMO = "mailmove-demo-"
_YOUNG_SECONDS = 600.0
"""Age in seconds below which a folder without a lock may be one that is being made."""


def prepare_home(home: Path) -> None:
    """Make the folder, for its owner only; one that others may read is closed. Blocked: it belongs to somebody else."""
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    owner = home.stat()
    if owner.st_uid != os.geteuid():
        raise Blocked(
            "mailmove",
            wanted=f"a home of its own at {home}",
            seen=f"a folder of the user with number {owner.st_uid}",
            todo="Run it as that user, or give another --home.",
        )
    if owner.st_mode & 0o077:
        home.chmod(0o700)
    (home / TEMPORARY).mkdir(mode=0o700, exist_ok=True)


class HomeLock:
    """Whoever has it uses the home alone; it is free when its process has ended, however that happened."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Blocked: another process has it; it is named."""
        path = self._home / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            process = path.read_text("ascii").strip()
            raise Blocked(
                "mailmove",
                wanted=f"{self._home} for itself",
                seen=f"process {process or 'of unknown number'} uses it",
                todo="Stop that one first, or give another --home.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def empty_temporary_folder(home: Path) -> Path:
    """Make the folder for temporary files anew: what an earlier box left is removed. The lock must be held."""
    folder = home / TEMPORARY
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_profile(home: Path, url: str, string: str) -> None:
    """Write Prefect's profile: with PREFECT_HOME set to this home its commands find server and sign-in."""
    values = {"PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": string}
    lines = ['active = "mailmove"', "[profiles.mailmove]", *(f"{name} = {json.dumps(values[name])}" for name in values)]
    write_private(home / PROFILE, "\n".join([*lines, ""]).encode())


def read_profile(home: Path) -> tuple[str, str] | None:
    """(address of the API, its string) of the box that used this home last; None: none did, or we may not read it."""
    try:
        read = tomllib.loads((home / PROFILE).read_text("utf-8"))["profiles"]["mailmove"]
        return str(read["PREFECT_API_URL"]), str(read["PREFECT_API_AUTH_STRING"])
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        return None


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home that is removed at the end; those of demos that were killed are removed at the start."""
    _remove_left_homes(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_DEMO, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _remove_left_homes(folder: Path) -> None:
    for home in folder.glob(f"{_DEMO}*"):
        with suppress(OSError, Blocked):  # another's, one that is used, or one that goes at this moment
            status = home.lstat()
            if home.is_symlink() or status.st_uid != os.geteuid():
                continue
            if not (home / "lock").exists() and time.time() - status.st_mtime < _YOUNG_SECONDS:
                continue
            with HomeLock(home):
                shutil.rmtree(home, ignore_errors=True)
