"""`mailmove check-server` says what it leaves out, and prints no warning of a library."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from deployments.cli.main import app


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--user", "KUNDE\\admin"], "Autodiscover is not asked"),
        (["--user", "admin@kunde.invalid"], "Autodiscover is asked for admin@kunde.invalid"),
        (["--mailbox", "anna@kunde.invalid"], "--mailbox without --user"),
    ],
)
def test_it_says_what_it_leaves_out(options: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["check-server", "mail.kunde.invalid", *options], input="secret\n")
    assert words in result.stderr and "secret" not in result.output
    assert result.exit_code == 1, "there is no such server"


def test_no_warning_of_a_library_is_printed() -> None:
    command = [
        sys.executable,
        "-W",
        "always",
        "-c",
        "from mailmove.outlook_anywhere.chain import public_roots as r; r()",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "serial number" not in done.stderr, done.stderr
