"""What a Prefect server must know before a cutover can run: the work pool, the blocks, the deployments.

It is found from a clone and from an installed wheel alike: a wheel carries `prefect.yaml` in this package.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""Folder that holds `flows/`: entrypoints in `prefect.yaml` are relative to it, and flow runs start in it."""
POOL = "mailmove"

_PLACES = (ROOT / "prefect.yaml", ROOT / "deployments" / "prefect.yaml")
"""Where `prefect.yaml` is in a clone, and in a wheel."""


def prefect_file() -> Path:
    """Path of `prefect.yaml`. FileNotFoundError: this is neither a clone nor a whole wheel."""
    path = next((path for path in _PLACES if path.is_file()), None)
    if path is None:
        raise FileNotFoundError(f"no prefect.yaml at {' or at '.join(map(str, _PLACES))}; install Mailmove again")
    return path


def registration_words() -> tuple[tuple[str, ...], ...]:
    """Words of the `prefect` commands that register everything, in order. Run them in ROOT; all can be repeated."""
    template = str(ROOT / "deployments/pools/process.json")
    return (
        ("work-pool", "create", POOL, "--type", "process", "--base-job-template", template, "--overwrite"),
        ("block", "register", "-m", "blocks"),
        ("deploy", "--all", "--prefect-file", str(prefect_file())),
    )
