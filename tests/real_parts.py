"""Real servers from Debian packages, for tests that need them."""

from __future__ import annotations

import os
import shutil

import pytest


def require(program: str) -> str:
    """Path of an installed program. Elsewhere the test is skipped with the reason; in CI it must be there."""
    path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/sbin")
    if path is None and os.environ.get("CI"):
        pytest.fail(f"{program} is not installed; `.ci/packages` must name its package")
    if path is None:
        pytest.skip(f"{program} is not installed; `.ci/packages` names its package")
    return path
