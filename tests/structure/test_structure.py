"""The house stands as it was drawn: arrows, entrypoints, the runbook, the size of files, nothing private in them."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import inspect
import pkgutil
import re
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from fake_blocks import a_plan
from importlinter.cli import lint_imports
from prefect import Task

import tasks.stages
import tasks.waits
from mailmove.plan.gates_and_windows import Gates
from tasks.runbook import RUNBOOK, STAGES, WAITS, Stage, Wait

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = ("mailmove", "blocks", "tasks", "flows", "deployments")
VERBS = ("check", "apply", "verify", "rollback")


def python_files(*rooms: str) -> list[Path]:
    """Every file of the rooms; a room without any has moved, and a test of it would test nothing."""
    paths = {room: sorted((ROOT / room).rglob("*.py")) for room in rooms}
    assert all(paths.values()), f"no Python in {[room for room in rooms if not paths[room]]}"
    return sorted(path for files in paths.values() for path in files)


def imported_by(path: Path) -> set[str]:
    """Names of all modules that a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_arrows_go_down_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    broken = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    said = capsys.readouterr().out
    assert broken == 0, said
    assert re.search(r"[3-9] kept, 0 broken", said), said


def test_stages_never_import_each_other() -> None:
    stages = {f"tasks.stages.{stage.name}" for stage in STAGES}
    for stage in STAGES:
        assert imported_by(Path(str(stage.module.__file__))) & stages == set(), stage.name


def test_deployments_know_flows_by_their_entrypoints_only() -> None:
    for path in python_files("deployments"):
        assert not [name for name in imported_by(path) if name.split(".")[0] == "flows"], path


def test_flow_files_hold_flows_and_nothing_that_would_exist_twice() -> None:
    for path in python_files("flows"):
        classes = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.ClassDef)]
        assert not classes, f"{path}: loaded by entrypoint under another name, its classes would exist twice"


def test_no_flow_file_bears_the_name_of_something_else_that_is_imported() -> None:
    """Prefect puts `flows/` first on the path when it loads an entrypoint."""
    elsewhere = [place for place in sys.path if Path(place).resolve() != ROOT / "flows"]
    for path in python_files("flows"):
        if path.stem != "__init__":
            assert path.stem not in sys.stdlib_module_names
            assert importlib.machinery.PathFinder.find_spec(path.stem, elsewhere) is None, path.stem


def test_entrypoints_load_as_a_worker_loads_them() -> None:
    wanted = [one["entrypoint"] for one in yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]]
    assert len(wanted) == len(set(wanted)) >= 5
    load = "import sys; from prefect.flows import load_flow_from_entrypoint as load\n"
    load += "for one in sys.argv[1:]: print(load(one).name)"
    done = subprocess.run(
        [sys.executable, "-c", load, *wanted], cwd=ROOT, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [entrypoint.rpartition(":")[2] for entrypoint in wanted]


def modules_in(package: ModuleType) -> Iterator[ModuleType]:
    for found in pkgutil.iter_modules(package.__path__):
        if not found.ispkg:
            yield import_module(f"{package.__name__}.{found.name}")


def test_every_stage_and_every_wait_is_in_the_runbook_once() -> None:
    named = Counter(step.name for step in RUNBOOK)
    assert [name for name, times in named.items() if times > 1] == []
    stages = {
        module for module in modules_in(tasks.stages) if all(isinstance(getattr(module, v, None), Task) for v in VERBS)
    }
    assert {stage.module for stage in STAGES} == stages
    waits = {module for module in modules_in(tasks.waits) if hasattr(module, "poll")}
    assert {wait.module for wait in WAITS} == waits
    assert all(inspect.iscoroutinefunction(step.poll) for step in RUNBOOK if step.poll or isinstance(step, Wait))
    assert all(inspect.iscoroutinefunction(wait.remedy) for wait in WAITS if wait.remedy)
    assert all(step.story and not step.story.endswith(".") for step in RUNBOOK)


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_is_four_tasks_that_try_again_and_are_remembered(stage: Stage) -> None:
    assert stage.name == stage.module.NAME
    for verb in VERBS:
        task: Task[..., object] = getattr(stage.module, verb)
        assert task.name == f"{stage.name}.{verb}", "remembered by this name when a parked run goes on"
        assert task.retries > 0
        assert task.retry_jitter_factor and task.retry_jitter_factor > 0
        assert callable(task.retry_delay_seconds) or task.retry_delay_seconds
        assert task.retry_condition_fn is not None
        assert task.cache_key_fn is not None
        assert task.persist_result is True
    assert list(inspect.signature(stage.module.apply.fn).parameters) == ["cutover", "approved"]
    assert list(inspect.signature(stage.module.rollback.fn).parameters) == ["cutover", "receipt"]


def test_gates_of_stages_are_gates_of_the_plan() -> None:
    gates = {stage.gate for stage in STAGES if stage.gate}
    assert gates == set(Gates.model_fields)
    plan = a_plan()
    questions = {stage.gate: stage.question(plan) for stage in STAGES if stage.gate}
    assert all(question.endswith("?") or "? " in question for question in questions.values()), questions


def test_files_are_small() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in python_files(*PRODUCTION, "lab", "tests")}
    assert {str(path): length for path, length in lengths.items() if length > 400} == {}
    assert statistics.median(lengths[path] for path in python_files(*PRODUCTION)) <= 130


def test_folders_are_small() -> None:
    modules = Counter(path.parent for path in python_files(*PRODUCTION, "lab", "tests") if path.stem != "__init__")
    assert {str(folder): count for folder, count in modules.items() if count > 30} == {}


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=60)
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


REGISTRIES = [
    host + end
    for host, end in (
        ("pypi.", "org"),
        ("pythonhosted.", "org"),
        ("npmjs.", "org"),
        ("npmjs.", "com"),
        ("registry.", "yarnpkg.com"),
        ("crates.", "io"),
        ("index.", "docker.io"),
        ("conda.", "anaconda.org"),
    )
]
"""In two halves, so that this file does not find itself."""
HOMES = [f"/{home}/" for home in ("root", "home", "Users")]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git working tree: it is not known what is tracked")
def test_nothing_tracked_names_a_package_registry_or_a_place_on_this_machine() -> None:
    here = re.compile("|".join(rf"(?<![\w.]){re.escape(place)}" for place in [*HOMES, f"{ROOT}/", f"{sys.prefix}/"]))
    registry = re.compile("|".join(re.escape(host) for host in REGISTRIES), re.IGNORECASE)
    for path in tracked():
        content = path.read_bytes()
        if b"\0" in content:
            continue
        for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
            assert not registry.search(line), f"{path}:{number}: {line[:200]}"
            assert not here.search(line), f"{path}:{number}: {line[:200]}"


def pins_of(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE))


def test_production_installs_what_it_imports_and_none_of_the_tests_tools() -> None:
    run, tested = pins_of("requirements.lock"), pins_of("requirements-dev.lock")
    assert len(run) > 50 and {name: version for name, version in run.items() if tested.get(name) != version} == {}
    tools = ("impacket", "pytest", "hypothesis", "moto", "flask", "playwright", "exchangelib", "ldap3", "mypy", "ruff")
    assert not set(tools) & set(run) and set(tools) <= set(tested)
    providers = importlib.metadata.packages_distributions()
    imported = {name.partition(".")[0] for path in python_files(*PRODUCTION) for name in imported_by(path)}
    missing = {
        name
        for name in imported - set(sys.stdlib_module_names) - {*PRODUCTION, "lab", "mypy_boto3_ec2"}  # types only
        if not {re.sub(r"[-_.]+", "-", provider).lower() for provider in providers[name]} & set(run)
    }
    assert missing == set(), "production imports what it does not install"


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_holds_versions_and_hashes_only(lock: str) -> None:
    entries = (ROOT / lock).read_text("utf-8").replace("\\\n", " ").splitlines()
    assert not [line for line in entries if "://" in line]
    pins = [line.strip() for line in entries if line.strip() and not line.strip().startswith("#")]
    assert len(pins) > 50
    form = re.compile(r"[A-Za-z0-9._-]+(\[[a-z0-9,_-]+\])?==[^ ;]+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in pins if not form.fullmatch(line)] == []
