"""`preflight --domain` takes a name as the plan does: in any spelling, and with a sentence for what is none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from deployments.cli.main import app
from deployments.cli.output import NOT_SEEN, WRONG

NOWHERE = ["--resolver", "127.0.0.1:1", "--login-url", "https://127.0.0.1:1"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("https://www.contoso.com/about", "it is an URL; write the name alone (www.contoso.com)"),
        ("HTTP://user@contoso.com:8080?x", "(contoso.com)"),
        ("anna@contoso.com", "it is a mail address; write what stands after the @ (contoso.com)"),
        ("mailto:anna@contoso.com", "mail address"),
        ("contoso.com/owa", "slash"),
        ("contoso.com, contoso.de", "write one"),
        ("contoso", "not a DNS name"),
        ("", "not a DNS name"),
        ("a..b", "not a DNS name"),
        ("☃.example", "not a DNS name"),
        ("\udcc5\udc82.com", "not a DNS name"),
    ],
)
def test_what_is_no_name_gets_a_sentence(written: str, words: str) -> None:
    done = CliRunner().invoke(app, ["preflight", "--domain", written])
    assert done.exit_code == WRONG and words in done.stderr, done.output
    assert done.stdout == "" and "Traceback" not in done.output and len(done.stderr.splitlines()) == 1


def test_a_name_with_letters_outside_ascii_where_the_terminal_has_none() -> None:
    words = [sys.executable, "-c", "from deployments.cli.main import app; app()", "preflight", "--domain", "łódź.com"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"}
    done = subprocess.run([*words, *NOWHERE], capture_output=True, check=False, env=environment)
    assert done.returncode == NOT_SEEN, done.stderr.decode()
    assert b"xn--d-uga0v4h.com" in done.stdout and b"Traceback" not in done.stderr


def test_a_name_is_shown_in_both_forms() -> None:
    done = CliRunner().invoke(app, ["preflight", "--domain", "ŁÓDŹ.com.", *NOWHERE])
    assert done.exit_code == NOT_SEEN and done.stdout.startswith("łódź.com (xn--d-uga0v4h.com)"), done.output
    assert "SPF łódź.com (xn--d-uga0v4h.com)" in done.stdout
