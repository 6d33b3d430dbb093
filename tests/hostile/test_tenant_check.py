"""`mailmove tenant-check`: it only reads, keeps no name and no secret, and can be played again."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from cloud_town import DOMAIN, Town, opened_town
from memory_engine import MemoryEngine

from blocks.microsoft365.tenant_check.anonymous import Anonymous
from blocks.microsoft365.tenant_check.questions import QUESTIONS
from deployments.cli.tenant_check import tenant_check
from lab.cloud.replay import Replay
from lab.cloud.tenant import Batch, MovedUser
from lab.hostile import be_hostile, switches
from tasks.engine.current import running_on

PERSON, SURNAME = "anna", "Featherstonehaugh"


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with opened_town() as town:
        tenant = town.cloud.tenant
        user = tenant.add_user(f"{PERSON}@{DOMAIN}", f"Anna {SURNAME}", "")
        user.has_mailbox, user.delegates = True, {("FullAccess", user.upn), ("SendAs", user.upn)}
        tenant.batches["night"] = Batch(f"night of {SURNAME}", "oa")
        tenant.batches["night"].users[user.upn] = MovedUser(user.upn, "Failed", f"{SURNAME} cannot be moved")
        yield town


@pytest.fixture(autouse=True)
def friendly(town: Town) -> Iterator[None]:
    yield
    town.faults.clear()
    town.cloud._web.replay = None


def check(town: Town, capsys: Any, folder: Path | None = None) -> dict[str, Any]:
    with running_on(MemoryEngine(blocks={"microsoft365/contoso": town.tenant()})):
        tenant_check("microsoft365/contoso", folder, json=True)
    content = json.loads(capsys.readouterr().out)
    assert isinstance(content, dict)
    return content


def test_every_question_only_reads_and_settles_a_row_of_the_page() -> None:
    rows = re.findall(r"(?m)^\| (.+?) \|", Path("docs/unverified.md").read_text(encoding="utf-8"))
    for question in QUESTIONS:
        assert [question.cmdlet, question.path, question.module, question.batch].count(True) <= 1
        assert not question.cmdlet or question.cmdlet.startswith("Get-")
        for row in question.rows:
            assert [one for one in rows if one.startswith(row)], f"{question.name}: no row begins with {row}"


@pytest.mark.parametrize("hostile", [False, True])
def test_a_record_that_is_played_gives_the_same_findings(
    town: Town, tmp_path: Path, capsys: Any, *, hostile: bool
) -> None:
    if hostile:
        be_hostile(town.faults, switches())
    before = list(town.cloud.tenant.effects)
    live = check(town, capsys, tmp_path / "answers")
    assert town.cloud.tenant.effects == before, "it only reads"
    assert len(live["files"]) == len(QUESTIONS) and not live["left_out"]
    assert len({one["row"] for one in live["settled"]}) >= 12
    town.faults.clear()
    town.cloud._web.replay = Replay(tmp_path / "answers")
    played = check(town, capsys, tmp_path / "again")
    assert played["settled"] == live["settled"] and played["left_out"] == live["left_out"]
    redirects = [one["says"] for one in live["settled"] if one["row"].startswith("The regional hosts")]
    assert redirects == ["a redirect to a regional host, which was followed" if hostile
                         else "the front door answers itself"]  # fmt: skip


def test_no_name_and_no_secret_is_kept(town: Town, tmp_path: Path, capsys: Any) -> None:
    check(town, capsys, tmp_path)
    tenant, kept = town.cloud.tenant, "".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*.json"))
    for name in (PERSON, SURNAME, DOMAIN, "northwind", tenant.id, town.cloud.base_url, town.cloud.app.client_id,
                 tenant.users[f"{PERSON}@{DOMAIN}"].id, "Bearer", town.places.net):  # fmt: skip
        assert name.lower() not in kept.lower(), name


def test_an_earlier_record_is_not_written_over(town: Town, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "01-x.json").write_text("{}")
    with pytest.raises(typer.Exit):  # a status and words, no trace
        check(town, capsys, tmp_path)
    assert (tmp_path / "01-x.json").read_text() == "{}"


def test_the_same_name_gets_the_same_replacement_and_words_of_microsofts_stay() -> None:
    clean = Anonymous()
    first = clean.clean(
        {
            "Identity": {"Name": "Anna", "Id": "anna@x.example"},
            "EmailAddresses": ["SMTP:Anna@x.example", "smtp:a.b@y.example", "X500:/o=Old/cn=anna"],
            "Status": {"Value": "Synced"},
            "When": "11/30/2026 11:20:01 PM",
            "Items": 5,
            "Deny": False,
            "error": {"details": [{"code": "13", "message": '{"Message": "Anna is gone", "TypeName": "a.B"}'}]},
        }
    )
    again = clean.clean(["anna@x.example", "x.example", "Anna", "E1|a.b.C|Anna is gone"])
    assert first["Identity"]["Id"] == again[0] == first["EmailAddresses"][0].removeprefix("SMTP:")
    assert again[0].endswith("@" + again[1]) and first["Identity"]["Name"] == again[2]
    assert first["Status"] == {"Value": "Synced"} and first["When"] == "11/30/2026 11:20:01 PM"
    assert first["Items"] == 5 and first["Deny"] is False
    assert "Anna" not in json.dumps([first, again]) and '"a.B"' in first["error"]["details"][0]["message"]
    assert first["EmailAddresses"][1].startswith("smtp:person")
