"""`make release-check`: what would be uploaded is built, read as a package index reads it, installed and rehearsed.

Usage: release_check.py PYTHON [--files]. PYTHON: that of the clone's own environment; this runs in one that has twine.
--files: without installing and rehearsing (`make release-files`, which CI runs; its tests install and rehearse anyway).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    python = str(Path(sys.argv[1]).absolute())  # not resolved: the link is what knows its environment
    with tempfile.TemporaryDirectory(prefix="mailmove-release-") as folder:
        dist = Path(folder)
        run(python, "-m", "hatchling", "build", "-d", folder)
        wheel, sdist = next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))
        run(sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist))
        is_one_version(wheel)
        builds_the_same(python, sdist, wheel, dist)
        if "--files" not in sys.argv:
            run(python, str(ROOT / ".ci/wheel_check.py"), str(wheel))
    if "mailmove.example" in (ROOT / "pyproject.toml").read_text("utf-8"):
        print("release-check: before the first upload, put the project's public address into [project.urls]")
    print("release-check: all is well")
    return 0


def is_one_version(wheel: Path) -> None:
    """pyproject.toml, the wheel's name and the changelog name one version."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert f"-{version}-" in wheel.name, wheel.name
    assert newest and newest[1] == version, f"CHANGELOG.md begins with {newest and newest[1]}, not {version}"


def builds_the_same(python: str, sdist: Path, wheel: Path, work: Path) -> None:
    """A wheel built from the source distribution holds the same files as the one built from the clone."""
    with tarfile.open(sdist) as archive:
        archive.extractall(work / "source", filter="data")
    source = next((work / "source").iterdir())
    words = [python, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work / "again")]
    subprocess.run(words, cwd=source, check=True)  # noqa: S603  # our own words
    again = next((work / "again").glob("*.whl"))
    differ = set(contents(wheel).items()) ^ set(contents(again).items())
    assert not differ, f"built from the sdist it differs: {sorted(name for name, _ in differ)[:10]}"


def contents(wheel: Path) -> dict[str, int]:
    with zipfile.ZipFile(wheel) as archive:
        return {entry.filename: entry.CRC for entry in archive.infolist()}


def run(*words: str) -> None:
    if subprocess.run(words, cwd=ROOT, check=False).returncode:  # noqa: S603  # our own words
        raise SystemExit(f"{' '.join(words)} failed")


if __name__ == "__main__":
    sys.exit(main())
