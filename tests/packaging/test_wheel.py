"""The wheel holds all that is needed, from whatever folder it is used; `make wheel-check` installs it and plays."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from pathlib import Path

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deployments.server.registration import registration_words

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("flows", "tasks", "blocks", "deployments", "mailmove", "lab")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(
        next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("dist")), versions=["standard"]))
    )


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_every_file_of_the_rooms_is_in_it_and_nothing_else(wheel: Path) -> None:
    carried = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    there = {
        path.relative_to(ROOT).as_posix()
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in (".pyc", ".lock")
    }
    assert carried == there | {"deployments/prefect.yaml"}


def test_it_registers_what_it_carries_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    """As installed: the clone is not on the path, and the folder that it is started in holds nothing."""
    site, empty = tmp_path / "site-packages", tmp_path / "empty"
    empty.mkdir()
    zipfile.ZipFile(wheel).extractall(site)
    code = "from deployments.server.registration import *; print(ROOT, *[w for ws in registration_words() for w in ws])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=empty,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
    )
    root, *words = done.stdout.split()
    assert Path(root) == site
    named = [Path(word) for word in words if word.startswith(str(tmp_path))]
    assert {path.name for path in named} == {"prefect.yaml", "process.json"}
    assert all(path.is_file() for path in named)
    for deployment in yaml.safe_load((site / "deployments/prefect.yaml").read_text("utf-8"))["deployments"]:
        assert (site / deployment["entrypoint"].partition(":")[0]).is_file()


def test_a_clone_registers_the_same_file_that_prefect_finds_by_itself() -> None:
    assert str(ROOT / "prefect.yaml") in registration_words()[-1]


def test_the_index_can_show_what_it_is(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["License-Expression"] == "Apache-2.0" and metadata["License-File"] == "LICENSE"
    assert {url.partition(",")[0] for url in metadata.get_all("Project-URL", [])} >= {
        "Homepage", "Documentation", "Source", "Changelog", "Issues",
    }  # fmt: skip
    assert all("https://" in url for url in metadata.get_all("Project-URL", []))
    assert len(metadata.get_all("Classifier", [])) > 8


def test_no_link_of_its_description_leads_into_a_repository_that_is_not_there(metadata: Message) -> None:
    import re

    text = str(metadata.get_payload())
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)
    assert len(targets) > 5
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_what_production_needs_is_no_extra(metadata: Message) -> None:
    extras = {
        name: {Requirement(line).name for line in lines} for name, lines in PROJECT["optional-dependencies"].items()
    }
    plain = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    for tool in ("impacket", "pytest", "mypy", "moto", "playwright", "hypothesis"):
        assert tool not in plain
    assert {"lab", "scale", "docker", "kubernetes", "dev"} <= set(extras)
    assert set(metadata.get_all("Provides-Extra", [])) == set(extras)
