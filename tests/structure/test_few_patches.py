"""Tests hand things in: a module, class or function of ours is patched in few places, and each is counted here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
OURS = ("flows", "tasks", "blocks", "mailmove", "deployments", "lab", "benchmarks")
MOST = 20


def patches(source: str) -> Iterator[int]:
    """Lines of `setattr(target, ...)`, `patch.object(target, ...)` and `patch("target")` with a target of ours."""
    tree = ast.parse(source)
    foreign = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            foreign |= {(name.asname or name.name).partition(".")[0] for name in node.names if not _ours(name.name)}
        elif isinstance(node, ast.ImportFrom) and not _ours(node.module or ""):
            foreign |= {name.asname or name.name for name in node.names}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        called = ast.unparse(node.func)
        if not called.endswith((".setattr", "patch.object", "patch")) or called.endswith("dispatch"):
            continue
        target = node.args[0]
        if isinstance(target, ast.Constant):
            if _ours(str(target.value)):
                yield node.lineno
        elif ast.unparse(target).partition(".")[0] not in foreign:
            yield node.lineno


def _ours(module: str) -> bool:
    return module.partition(".")[0] in OURS


def test_few_places_patch_what_is_ours() -> None:
    found = {
        f"{path.relative_to(TESTS)}:{line}" for path in TESTS.rglob("*.py") for line in patches(path.read_text("utf-8"))
    }
    assert len(found) <= MOST, sorted(found)


def test_a_patch_is_seen_and_what_is_not_ours_is_not() -> None:
    source = 'import httpx\nfrom tasks import runbook\nmonkeypatch.setattr(runbook, "X", 1)\n'
    source += 'monkeypatch.setattr("tasks.runbook.X", 1)\nmonkeypatch.setattr(httpx, "X", 1)\n'
    source += 'monkeypatch.setattr("httpx.X", 1)\npatch.object(runbook, "X")\n'
    assert list(patches(source)) == [3, 4, 7]
