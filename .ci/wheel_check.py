"""`make wheel-check`: is the wheel all that somebody needs? Tried from an empty folder, as a newcomer would.

It builds the wheel and, by pip and by uv, installs it into an environment that has nothing of ours. There it assesses
a domain of the lab (cold, below SECONDS) and rehearses a whole cutover. The lab that answers the assessment runs here,
from the clone; what is tried knows nothing of the clone.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 15.0
"""Most seconds of an assessment whose program was never started before; on a busy machine, of processor time."""
PATIENCE = 1800.0
"""Seconds after which a command is given up; this machine may be busy."""
NEEDED = (
    "deployments/prefect.yaml",
    "deployments/pools/process.json",
    "flows/cutover.py",
    "lab/contracts/graph-v1.0-extract.json",
    "mailmove/plan/public-resolvers.json",
    "mailmove/report/templates/report.html",
    "blocks/microsoft365/exchange_shell.ps1",
)
UNWANTED = re.compile(r"^(docs|tests|benchmarks|\.ci)/|\.(png|svg|pyc)$")


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mailmove-wheel-") as folder:
        work = Path(folder)
        wheel = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else built_wheel(work / "dist")
        holds_what_it_needs(wheel)
        programs = {"pip": by_pip(work, wheel), **by_uv(work, wheel)}
        for name, (program, environment) in programs.items():
            empty = work / f"empty-{name}"
            empty.mkdir()
            assesses_a_domain(name, program, empty, environment)
            assert not list(empty.iterdir()), f"left behind: {list(empty.iterdir())}"
        program, environment = programs["pip"]
        rehearses(program, work / "empty-pip", environment)
    print("wheel-check: all is well")
    return 0


def built_wheel(place: Path) -> Path:
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)], ROOT, dict(os.environ))
    return next(place.glob("*.whl"))


def holds_what_it_needs(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    missing = [name for name in NEEDED if name not in names]
    unwanted = [name for name in names if UNWANTED.search(name)]
    assert not missing, f"the wheel lacks {missing}"
    assert not unwanted, f"the wheel carries {unwanted}"
    print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1e6:.1f} MB")


def by_pip(work: Path, wheel: Path) -> tuple[list[str], dict[str, str]]:
    """The program in a fresh environment, and the variables that it is run with."""
    place = work / "pip"
    venv.create(place, with_pip=True)
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    environment = stripped(work / "home-pip")
    spent = run([str(programs / "python"), "-m", "pip", "install", "--quiet", f"{wheel}[lab]"], work, dict(os.environ))
    print(f"pip install: {spent}")
    return [str(programs / "mailmove")], environment


def by_uv(work: Path, wheel: Path) -> dict[str, tuple[list[str], dict[str, str]]]:
    """uvx with a cache of its own, so that everything is fetched and started for the first time; {}: no uv is there."""
    uvx = shutil.which("uvx")
    if uvx is None:
        print("uv is not there: left out")
        return {}
    environment = {**stripped(work / "home-uv"), "UV_CACHE_DIR": str(work / "uv-cache")}
    program = [uvx, "--python", sys.executable, "--from", str(wheel), "mailmove"]
    print(f"uvx, everything fetched: {run([*program, '--help'], work, environment)}")
    return {"uvx": (program, environment)}


def stripped(home: Path) -> dict[str, str]:
    """The variables without those of Python, Prefect and this clone, and with a home that holds nothing."""
    home.mkdir()
    kept = {
        name: value for name, value in os.environ.items() if not re.match("PYTHON|PREFECT|VIRTUAL_ENV|MAILMOVE", name)
    }
    return {**kept, "HOME": str(home), "USERPROFILE": str(home)}


def assesses_a_domain(name: str, program: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    sys.path.insert(0, str(ROOT))
    from lab.dns.resolver import HONEST
    from lab.dns.town_dns import TownDns
    from lab.faults import Faults
    from lab.places import Places
    from lab.town_zones import customer_zone

    places, domain = Places(), "northwind.example"
    zones = {domain: customer_zone(places, domain, 300)}
    with TownDns(places, kind="rfc2136", zones=zones, resolvers=[HONEST], faults=Faults()) as dns:
        words = [*program, "preflight", "--domain", domain, "--resolver", dns.resolver_addresses[0], "--json"]
        output = folder.parent / f"{name}.json"
        spent = run(words, folder, dict(environment), output)
    assessment = json.loads(output.read_text("utf-8"))
    assert assessment["mx"] == [f"10 mail.{domain}."], assessment
    print(f"{name}: preflight --domain, cold: {spent}")
    assert min(spent.wall, spent.processor * 2) < SECONDS, f"longer than {SECONDS:g} s"


def rehearses(program: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    output = folder.parent / "account.json"
    spent = run([*program, "rehearse", "--json"], folder, dict(environment), output)
    account = json.loads(output.read_text("utf-8"))
    assert account["adds_up"] and account["totals"]["lost"] == 0, account["totals"]
    print(
        f"rehearse: {spent}; from the start of the cutover {account['seconds']} s; {account['totals']['moved']} moved"
    )
    assert not list(folder.iterdir()), f"left behind: {list(folder.iterdir())}"


class Spent:
    """Seconds of a command, by the clock and of the processor."""

    def __init__(self, wall: float, processor: float) -> None:
        self.wall, self.processor = wall, processor

    def __str__(self) -> str:
        return f"{self.wall:.1f} s ({self.processor:.1f} s of processor)"


def run(words: Sequence[str], folder: Path, environment: dict[str, str], output: Path | None = None) -> Spent:
    """Run it to its end; its standard output goes to a file, if one is named. What it wrote is shown when it fails."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(  # noqa: S603  # our own words
        words, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PATIENCE
    )
    wall, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.stderr.write(done.stdout.decode() + done.stderr.decode())
        raise SystemExit(f"{' '.join(words)}: exit {done.returncode}")
    if output:
        output.write_bytes(done.stdout)
    return Spent(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


if __name__ == "__main__":
    sys.exit(main())
