"""The docs tell what is so: links lead somewhere, pages say what the code says, every code block is tried."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from packaging.requirements import Requirement
from prefect.cli._app import _app as prefect_app
from typer.core import TyperGroup

from deployments.cli.main import app
from docs.generate import pages
from mailmove.plan.cutover import Cutover
from mailmove.plan.load import plan_from

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TOP = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "OPINIONS.md", "SECURITY.md")]
TEXTS = [*TOP, *sorted(DOCS.rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced code block."""

    place: str
    language: str
    text: str


def blocks() -> Iterator[Block]:
    for path in TEXTS:
        lines = path.read_text(encoding="utf-8").splitlines()
        while lines:
            opened = re.fullmatch(r"( *)```(\S*).*", lines.pop(0))
            if not opened:
                continue
            indent, language = opened.groups()
            inside: list[str] = []
            while (line := lines.pop(0)) != f"{indent}```":
                inside.append(line.removeprefix(indent))
            yield Block(f"{path.relative_to(ROOT)}: {next(iter(inside), '')}", language, "\n".join(inside))


BLOCKS = list(blocks())


def of(*languages: str) -> list[Any]:
    return [pytest.param(block, id=block.place) for block in BLOCKS if block.language in languages]


def test_there_is_no_block_that_nobody_tests() -> None:
    assert {block.language for block in BLOCKS} <= {"sh", "yaml", "python", "text"}
    assert len([block for block in BLOCKS if block.language == "sh"]) > 10


# --- shell -----------------------------------------------------------------------------------------------------------


def commands(block: Block) -> Iterator[list[str]]:
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)  # a setting for this one command
        if words:
            yield words


@pytest.mark.parametrize("block", of("sh"))
def test_every_command_is_one_that_its_own_parser_takes(block: Block) -> None:
    for words in commands(block):
        PARSERS[words[0]](words[1:])


def parse_mailmove(words: list[str]) -> None:
    """By the real command line, up to the moment before it would act."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    with group.make_context("mailmove", list(words)) as context:
        name, command, left = group.resolve_command(context, list(words))
        assert command is not None, words
        command.make_context(name, left, parent=context)


def parse_prefect(words: list[str]) -> None:
    own = words[1:] if words[0] == "--no-prompt" else words  # before all commands, taken off by Prefect's launcher
    prefect_app.parse_args(own, exit_on_error=False, print_error=False)


def parse_make(words: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(words) <= targets


def parse_uvx(words: list[str]) -> None:
    """The package with extras that we have, then our own command line."""
    package = Requirement(words[0])
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert package.name == "mailmove" and package.extras <= set(extras)
    parse_mailmove(words[1:])


def parse_docker(words: list[str]) -> None:
    """The file that it names is ours; the rest is Docker's."""
    assert words[0] in ("build", "compose")
    assert (ROOT / words[words.index("-f") + 1]).is_file()


def parse_uv(words: list[str]) -> None:
    """How a lock is made: the extras that it names are ours."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    assert words[:2] == ["pip", "compile"]
    assert {words[place + 1] for place, word in enumerate(words) if word == "--extra"} <= set(extras)
    assert (ROOT / words[words.index("-o") + 1]).is_file()


PARSERS = {
    "mailmove": parse_mailmove, "prefect": parse_prefect, "make": parse_make, "uvx": parse_uvx, "docker": parse_docker,
    "uv": parse_uv,
}  # fmt: skip


def test_the_parsers_refuse_what_is_wrong() -> None:
    for wrong in (["nosuch"], ["start"], ["start", "p.yaml", "--nosuch"], ["approve", "contoso"]):
        with pytest.raises(Exception, match=r"No such|Missing"):
            parse_mailmove(wrong)
    for wrong in (["nosuch"], ["worker", "start", "--nosuch", "x"]):
        with pytest.raises(Exception, match=r"nosuch"):
            parse_prefect(wrong)
    for parse, words in ((parse_make, ["nosuch"]), (parse_uvx, ["mailmove[nosuch]", "status"]),
                         (parse_docker, ["build", "-f", "nosuch"])):  # fmt: skip
        with pytest.raises(AssertionError):
            parse(words)


# --- YAML and Python -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", of("yaml"))
def test_every_piece_of_a_plan_fits_into_a_plan(block: Block) -> None:
    """A whole plan is taken as it is; a part of one is laid over the example plan."""
    given = yaml.safe_load(block.text)
    example = yaml.safe_load((DOCS / "plan.example.yaml").read_text("utf-8"))
    assert given.keys() <= Cutover.model_fields.keys()
    whole = given if "customer" in given else laid_over(example, given)
    plan = plan_from(whole).model_dump(mode="json")
    for key in given:
        assert plan[key] != Cutover.model_fields[key].get_default(call_default_factory=True), "it says something"


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        known = below.get(key)
        merged[key] = laid_over(known, value) if isinstance(value, dict) and isinstance(known, dict) else value
    return merged


@pytest.mark.parametrize("block", of("python"))
def test_every_piece_of_python_runs(block: Block) -> None:
    exec(compile(block.text, block.place, "exec"), {"__name__": "docs"})


# --- links, and what the code tells ----------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    found = set()
    for line in path.read_text("utf-8").splitlines():
        if heading := re.fullmatch(r"#+ (.*)", line):
            words = re.sub(r"[^\w\- ]", "", heading.group(1).lower())
            found.add(words.replace(" ", "-"))
    return found


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", text):
        place, _, anchor = target.partition("#")
        assert not place.startswith("/"), f"{target} would break on the site"
        if "://" in place:
            continue
        led = (path.parent / place).resolve() if place else path
        assert led.exists(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(led), f"{led.name} has no heading {anchor}"


def test_pages_told_by_the_code_are_current() -> None:
    told = pages()
    stale = [path for path, text in told.items() if (DOCS / path).read_text("utf-8") != text]
    assert stale == [], "run `make pages`"
    known = {path.removeprefix("providers/") for path in told if path.startswith("providers/")}
    assert {path.name for path in (DOCS / "providers").glob("*.md")} == known, "run `make pages`"


def test_every_page_is_in_the_site_and_the_other_way_round() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    named = {entry if isinstance(entry, str) else next(iter(entry.values())) for entry in nav}
    there = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")}
    assert named == {path for path in there if not path.startswith("providers/") or path == "providers/index.md"}


def test_artifacts_and_commands_that_the_docs_name_are_in_the_code() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "tasks").rglob("*.py"))
    for key in re.findall(r"`([a-z]+)-(?:CUSTOMER|RUN)`", (DOCS / "reports.md").read_text("utf-8")):
        assert re.search(rf'f"{key}-\{{', code), f"no table or page {key}-... is written anywhere"
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    commands |= {str(group.name) for group in app.registered_groups}
    told = " ".join(path.read_text("utf-8") for path in TEXTS)
    assert {name for name in commands if f"mailmove {name}" not in told} == set()
    assert set(re.findall(r"`mailmove ([a-z][a-z-]*)", told)) <= commands
