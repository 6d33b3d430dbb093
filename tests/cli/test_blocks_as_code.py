"""`mailmove block`: where values come from, what is tested before anything is saved, and that no secret is repeated."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from click.testing import Result
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from typer.testing import CliRunner

from blocks import ALL_BLOCKS
from deployments.cli.block.fields import fields_of
from deployments.cli.block.make import try_block
from deployments.cli.main import app
from deployments.cli.output import IN_THE_WAY, NOTHING, WRONG
from lab.town import Town

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(240)]
WORD = "S3cret-correct-horse"


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with Town(users=2, shared=0, public_folders=0, messages=10, mail_per_second=0) as town:
        yield town


@pytest.fixture
def values(town: Town, tmp_path: Path) -> Path:
    """All but the secret of an application that signs in to the lab's tenant."""
    cloud = town.settings["microsoft365"]
    place = dict.fromkeys(("login_url", "graph_url", "exchange_url"), cloud["base_url"])
    path = tmp_path / "values.yaml"
    own = {"tenant_id": cloud["tenant_id"], "client_id": cloud["client_id"]}
    path.write_text(yaml.safe_dump({**own, **place, **town.settings["trust"]}), "utf-8")
    return path


def mailmove(*words: str, typed: str = "", **environment: str) -> Result:
    return CliRunner().invoke(app, list(words), input=typed, env=environment)


def the_secret(town: Town) -> str:
    return str(town.settings["microsoft365"]["client_secret"])


def saved_secret(reference: str) -> str:
    return Block.load(reference).client_secret.get_secret_value()


def test_a_block_is_made_tested_listed_and_its_rights_are_named(town: Town, values: Path) -> None:
    secret = the_secret(town)
    words = ["--values", str(values), "--set", "client_secret=env:APP_SECRET", "--json"]
    done = mailmove("block", "add", "microsoft365/made", *words, APP_SECRET=secret)
    shown = json.loads(done.stdout)
    assert (done.exit_code, shown["saved"], shown["version"]) == (0, True, 1), done.output
    assert {"Domain.ReadWrite.All": "proved", "New-MigrationBatch": "proved"}.items() <= {
        right["name"]: right["state"] for right in shown["rights"]
    }.items()
    assert saved_secret("microsoft365/made") == secret
    listed = mailmove("block", "list", "--json")
    assert "microsoft365/made" in [row["block"] for row in json.loads(listed.stdout)["blocks"]]
    again = mailmove("block", "add", "microsoft365/made", *words, APP_SECRET="another")
    assert (again.exit_code, "exists" in again.stderr) == (WRONG, True)
    assert saved_secret("microsoft365/made") == secret
    assert secret not in done.output + listed.output + again.output


def test_a_right_that_is_missing_is_named_and_others_are_not_called_missing(town: Town, values: Path) -> None:
    town.cloud.app.roles.discard("Domain.ReadWrite.All")
    words = ["--values", str(values), "--set", "client_secret=env:APP_SECRET", "--untested"]
    try:
        assert mailmove("block", "add", "microsoft365/lacking", *words, APP_SECRET=the_secret(town)).exit_code == 0
        done = mailmove("block", "test", "microsoft365/lacking", "--json")
    finally:
        town.cloud.app.roles.add("Domain.ReadWrite.All")
    states = {right["name"]: right["state"] for right in json.loads(done.stdout)["rights"]}
    assert done.exit_code == IN_THE_WAY
    assert [name for name, state in states.items() if state == "missing"] == ["Domain.ReadWrite.All"]
    assert states["User.ReadWrite.All"] == "not known", "what was not shown is not said to be there"
    assert mailmove("block", "test", "microsoft365/lacking").exit_code == 0


def test_rotation_keeps_the_old_secret_until_the_new_one_has_signed_in(town: Town, values: Path) -> None:
    secret = the_secret(town)
    words = ["--values", str(values), "--set", "client_secret=env:APP_SECRET"]
    assert mailmove("block", "add", "microsoft365/rotated", *words, APP_SECRET=secret).exit_code == 0
    setting = ["--set", "client_secret=env:NEW"]
    wrong = mailmove("block", "rotate", "microsoft365/rotated", *setting, NEW=WORD)
    assert (wrong.exit_code, "the old values stay" in wrong.stdout) == (IN_THE_WAY, True), wrong.output
    assert saved_secret("microsoft365/rotated") == secret
    town.cloud.app.secret = WORD  # made anew at Microsoft
    try:
        right = mailmove("block", "rotate", "microsoft365/rotated", *setting, NEW=WORD)
        assert (right.exit_code, saved_secret("microsoft365/rotated")) == (0, WORD), right.output
        assert Block.load("microsoft365/rotated").tenant_id == town.cloud.tenant_id, "what was not named stays"
    finally:
        town.cloud.app.secret = secret
    assert WORD not in wrong.output + right.output
    assert mailmove("block", "rotate", "microsoft365/nobody", *setting, NEW=WORD).exit_code == WRONG
    assert mailmove("block", "test", "microsoft365/nobody").exit_code == NOTHING


def test_what_is_typed_is_not_echoed_and_what_nobody_types_is_named(town: Town) -> None:
    done = mailmove("block", "add", "mail-notice/typed", typed=f"mailtos://anna:{WORD}@mail.example\n")
    assert done.exit_code == 0, done.output
    assert WORD not in done.output
    assert WORD in Block.load("mail-notice/typed").url.get_secret_value()
    silent = mailmove("block", "add", "exchange-server/silent", typed="")
    assert (silent.exit_code, "ews_url" in silent.stderr, "nobody answers" in silent.stderr) == (WRONG, True, True)
    half = mailmove("block", "add", "exchange-server/half", typed="\n" * 12)
    assert half.exit_code == WRONG
    assert all(f"{name}: is missing" in half.stderr for name in ("ews_url", "username", "password", "shell_url"))


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The same word in each kind of store -> its source."""
    (tmp_path / "secret.txt").write_bytes(b"\xff\xfe" + f"{WORD}\r\n".encode("utf-16-le"))
    keyring = ModuleType("keyring")
    keyring.get_password = lambda service, name: WORD if (service, name) == ("mailmove", "old") else None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setenv("A_SECRET", WORD)
    Secret(value=WORD).save("plain-word", overwrite=True)
    Secret(value=json.dumps({"password": WORD})).save("json-word", overwrite=True)
    return {
        "env": "env:A_SECRET",
        "file": f"file:{tmp_path / 'secret.txt'}",
        "keyring": "keyring:mailmove/old",
        "block": "block:secret/plain-word",
        "field": "block:secret/json-word#password",
    }


@pytest.mark.parametrize("kind", ["env", "file", "keyring", "block", "field"])
def test_a_secret_comes_from_every_store(stores: dict[str, str], kind: str) -> None:
    block, faults = try_block("mail-notice/any", {"url": stores[kind]})
    assert (faults, block is not None and block.url.get_secret_value()) == ([], WORD)


@pytest.mark.parametrize(
    "source",
    ["env:NOT_SET_ANYWHERE", "file:/nowhere/at/all", "keyring:mailmove/absent", "keyring:nonsense",
     "block:secret/absent", "block:secret/plain-word#password", "block:secret/json-word#other", "block:manual/x"],
)  # fmt: skip
def test_a_store_that_gives_nothing_is_named(stores: dict[str, str], source: str) -> None:
    block, faults = try_block("mail-notice/any", {"url": source})
    assert block is None and len(faults) == 1
    assert faults[0].startswith("url: ") and source.partition("#")[0] in faults[0] and WORD not in faults[0]


SECRETS = [
    (kind.get_block_type_slug(), field.name)
    for kind in ALL_BLOCKS
    for field in fields_of(kind).values()
    if field.secret
]


def test_the_secrets_of_all_blocks_are_known() -> None:
    assert {("exchange-server", "password"), ("octodns", "settings"), ("microsoft365", "certificate")} <= set(SECRETS)


@pytest.mark.parametrize(("slug", "name"), SECRETS)
def test_a_secret_in_the_open_is_refused_and_not_repeated(slug: str, name: str, tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    for value in (WORD, {"token": WORD}, [WORD]):
        values.write_text(yaml.safe_dump({name: value}), "utf-8")
        done = mailmove("block", "add", f"{slug}/open", "--values", str(values))
        assert (done.exit_code, WORD in done.output) == (WRONG, False)
        assert f"{name}: is a secret" in done.stderr
    argument = mailmove("block", "add", f"{slug}/open", "--set", f"{name}={WORD}")
    assert (argument.exit_code, WORD in argument.output) == (WRONG, False)


@pytest.mark.parametrize("kind", ALL_BLOCKS, ids=lambda kind: kind.get_block_type_slug())
def test_a_broken_field_of_any_block_is_named_and_the_secrets_beside_it_are_not(
    kind: type[Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every field of every block is given what does not fit, with secrets in all the others."""
    slug = kind.get_block_type_slug()
    monkeypatch.setenv("BROKEN", WORD)
    fields = fields_of(kind)
    for broken in fields.values():
        values: dict[str, object] = {field.name: "env:BROKEN" for field in fields.values() if field.secret}
        block, faults = try_block(
            f"{slug}/broken", {**values, broken.name: "env:BROKEN" if broken.secret else "n0nsense"}
        )
        assert WORD not in " ".join(faults), faults
        assert block is None or WORD not in repr(block)


def test_all_faults_are_named_at_once() -> None:
    _, faults = try_block(
        "exchange-server/contoso", {"usrname": "x", "password": WORD, "ews_url": "env:ABSENT", "shell_url": "ftp://x"}
    )
    assert [fault.partition(":")[0] for fault in faults] == ["usrname", "password", "ews_url", "username"]
    done = mailmove("block", "add", "exchnge-server/contoso", "--set", "password=env:X")
    assert (done.exit_code, "exchange-server" in done.stderr) == (WRONG, True)
    assert mailmove("block", "add", "nonsense", "--set", "password=env:X").exit_code == WRONG


def test_a_nested_block_is_taken_by_its_name(town: Town, tmp_path: Path) -> None:
    aws = town.settings["aws"]
    absent = mailmove(
        "block", "add", "route53/nested", "--set", "credentials=env:WHICH", WHICH="aws-credentials/absent"
    )
    assert (absent.exit_code, "mailmove block add aws-credentials/NAME" in absent.stderr) == (WRONG, True), (
        absent.output
    )
    values = tmp_path / "aws.yaml"
    plain = {"aws_access_key_id": aws["access_key_id"], "region_name": aws["region"],
             "aws_client_parameters": {"endpoint_url": aws["endpoint_url"]}}  # fmt: skip
    values.write_text(yaml.safe_dump(plain), "utf-8")
    words = ["--values", str(values), "--set", "aws_secret_access_key=env:KEY"]
    assert mailmove("block", "add", "aws-credentials/nested", *words, KEY=aws["secret_access_key"]).exit_code == 0
    values.write_text("credentials: aws-credentials/nested\n", "utf-8")
    made = mailmove("block", "add", "route53/nested", "--values", str(values))
    assert made.exit_code == 0, made.output
    assert Block.load("route53/nested").credentials.aws_access_key_id == aws["access_key_id"]
