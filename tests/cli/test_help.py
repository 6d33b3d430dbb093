"""`--help` says all of it, soon; and a shell completes commands and options."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from typer.testing import CliRunner

from deployments.cli.help_in_sections import SECTIONS
from deployments.cli.main import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]
SHELLS = ("bash", "zsh", "fish", "powershell")
PROGRAM = [sys.executable, "-c", "import sys; sys.argv[0] = 'mailmove'; from deployments.cli.main import app; app()"]


def test_every_command_has_its_section_once_and_each_section_only_commands() -> None:
    listed = [name for names in SECTIONS.values() for name in names]
    assert sorted(listed) == sorted(COMMANDS)


def test_sentences_are_wrapped_and_not_cut_and_lines_fit() -> None:
    for words in ([], ["block"]):
        lines = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "80"}).stdout.splitlines()
        assert not [line for line in lines if "..." in line.replace("[ARGS]...", "") or len(line) > 80]
    text = " ".join(" ".join(lines).split())
    assert "Make a block: ask for what is missing, test it by reading only, save it." in text


def test_help_waits_for_no_library_but_the_command_lines_own() -> None:
    code = f"{PROGRAM[-1].replace('app()', '')}\ntry:\n    app()\nexcept SystemExit:\n    print(*sys.modules)"
    done = subprocess.run([*PROGRAM[:-1], code, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: ")
    loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not loaded & {"prefect", "pydantic", "rich", "markdown_it", "pygments", "httpx", "cryptography", "yaml"}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script_and_its_answers(shell: str) -> None:
    named = {**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    script = subprocess.run(
        [*PROGRAM, "--show-completion", shell], env=named, capture_output=True, text=True, check=True
    )
    assert "mailmove" in script.stdout and "_MAILMOVE_COMPLETE" in script.stdout
    asked = {"_MAILMOVE_COMPLETE": f"complete_{shell}", "COMP_WORDS": "mailmove st", "COMP_CWORD": "1",
             "_TYPER_COMPLETE_ARGS": "mailmove st", "_TYPER_COMPLETE_WORD_TO_COMPLETE": "st",
             "_TYPER_COMPLETE_FISH_ACTION": "get-args"}  # fmt: skip
    done = subprocess.run(PROGRAM, env={**os.environ, **asked}, capture_output=True, text=True, check=True)
    assert {name for name in COMMANDS if name.startswith("st")} == {name for name in COMMANDS if name in done.stdout}


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_itself_completes_without_a_server(tmp_path: Path) -> None:
    """As a person's bash: the script is sourced, its function called for `mailmove check-` and `mailmove board --`."""
    program = tmp_path / "mailmove"
    program.write_text(f"#!{sys.executable}\n{PROGRAM[-1].replace('; ', chr(10))}\n", "utf-8")
    program.chmod(0o755)
    asked = """
        . <(_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION=1 mailmove --show-completion bash)
        complete -p mailmove
        COMP_WORDS=(mailmove check-) COMP_CWORD=1; _mailmove_completion mailmove; echo "${COMPREPLY[@]}"
        COMP_WORDS=(mailmove block r) COMP_CWORD=2; _mailmove_completion mailmove; echo "${COMPREPLY[@]}"
        COMP_WORDS=(mailmove board --) COMP_CWORD=2; _mailmove_completion mailmove; echo "${COMPREPLY[@]}"
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "MAILMOVE"))}
    environment = {**kept, "PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path),
                   "PYTHONPATH": str(Path.cwd())}  # fmt: skip
    done = subprocess.run(["bash", "--norc", "-c", asked], env=environment, capture_output=True, text=True, check=True)
    registered, command, group, options = done.stdout.splitlines()
    assert "_mailmove_completion" in registered, done
    assert (command, group) == ("check-server", "rotate"), done
    assert {"--json", "--serve"} <= set(options.split()), done
