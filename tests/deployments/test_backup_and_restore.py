"""A home backed up while it is written to, and restored over whatever stands there, killed at any line."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from deployments.cli.output import IN_THE_WAY
from deployments.server.backup import LEDGER_KEY, back_up
from deployments.server.home import HomeLock, prepare_home
from deployments.server.kept_secrets import API_STRING, BLOCK_KEY, api_string, block_key
from deployments.server.restore import check_that_no_restore_was_cut_short, restore
from mailmove.errors import Blocked

ROOT = Path(__file__).resolve().parents[2]
PASSPHRASE = "correct horse battery"


def a_home(home: Path, value: str) -> None:
    """A home as a box leaves it, whose every part says `value`."""
    prepare_home(home)
    api_string(home)
    key = block_key(home)
    with closing(writer(home)) as database:
        database.execute("CREATE TABLE block_document (data JSON)")
        secret = Fernet(key.encode()).encrypt(value.encode()).decode()
        database.execute("INSERT INTO block_document VALUES (?)", (json.dumps(secret),))
        database.execute("CREATE TABLE ledger (entry TEXT)")
        database.executemany("INSERT INTO ledger VALUES (?)", [(f"{value} {n}" * 50,) for n in range(200)])
    (home / "storage").mkdir()
    (home / "storage/result").write_text(value)
    (home / "memo_store.toml").write_text(value)
    (home / "server.log").write_text(value)
    (home / LEDGER_KEY).write_text(f"{value} key of the ledger")
    (home / "mailmove").mkdir()
    with closing(sqlite3.connect(home / "mailmove/compared.sqlite", isolation_level=None)) as journal:
        journal.execute("CREATE TABLE told (what TEXT)")
        journal.execute("INSERT INTO told VALUES (?)", (value,))


def writer(home: Path) -> sqlite3.Connection:
    """As the server has it open: what it commits stays in the -wal."""
    database = sqlite3.connect(home / "prefect.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA wal_autocheckpoint=0")
    return database


def said_by(home: Path) -> set[str]:
    """What the parts of a home say; more than one word: they are of different homes."""
    with closing(sqlite3.connect(home / "prefect.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        ((secret,),) = database.execute("SELECT data FROM block_document").fetchall()
        entries = {entry.split()[0] for (entry,) in database.execute("SELECT entry FROM ledger")}
    opened = Fernet(block_key(home).encode()).decrypt(json.loads(secret).encode()).decode()
    with closing(sqlite3.connect(home / "mailmove/compared.sqlite")) as journal:
        (told,) = journal.execute("SELECT what FROM told").fetchone()
    ledger_key = (home / LEDGER_KEY).read_text().partition(" ")[0]
    return {opened, *entries, told, ledger_key, (home / "storage/result").read_text()}


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Of a home that somebody has open, with the last words in its -wal only."""
    a_home(tmp_path / "origin", "first")
    with closing(writer(tmp_path / "origin")) as server:
        server.execute("INSERT INTO ledger VALUES ('first last')")
        assert (tmp_path / "origin/prefect.db-wal").stat().st_size > 0
        back_up(tmp_path / "origin", tmp_path / "backup", PASSPHRASE)
    return tmp_path / "backup"


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """Another box's home, whose server was killed: its -wal and -shm are still there."""
    home = tmp_path / "later"
    a_home(home, "second")
    words = "import sqlite3,os,sys; d=sqlite3.connect(sys.argv[1],isolation_level=None); "
    words += (
        "d.execute('PRAGMA wal_autocheckpoint=0'); d.execute(\"UPDATE ledger SET entry='second '||entry\"); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", words, str(home / "prefect.db")], check=False, timeout=60)
    assert (home / "prefect.db-wal").stat().st_size > 0
    return home


def test_what_was_written_last_is_in_it_and_the_key_is_not_readable(backup: Path, tmp_path: Path) -> None:
    assert backup.stat().st_mode & 0o077 == 0
    with tarfile.open(backup) as archive:
        names = archive.getnames()
        read = b"".join(file.read() for member in archive if (file := archive.extractfile(member)))
    assert names == ["prefect.db", "mailmove/compared.sqlite", "storage/result", "manifest.json"]
    for secret in (BLOCK_KEY, LEDGER_KEY, API_STRING):
        assert (tmp_path / "origin" / secret).read_bytes() not in read
    assert restore(tmp_path / "new", backup, PASSPHRASE) is None
    assert said_by(tmp_path / "new") == {"first"}
    assert not (tmp_path / "new" / API_STRING).exists(), "a box makes one anew"


def test_over_a_home_whose_wal_is_still_there(backup: Path, later: Path) -> None:
    """By the words that stood in keeping.md, a copy of the file only, this gave a malformed database."""
    string = (later / API_STRING).read_text()
    before = restore(later, backup, PASSPHRASE)
    assert said_by(later) == {"first"} and not (later / "prefect.db-wal").exists()
    assert not (later / "memo_store.toml").exists(), "Prefect registers its blocks in the restored database"
    assert (later / API_STRING).read_text() == string
    assert before is not None and said_by(before) == {"second"}, "what stood there can be had again"


@pytest.mark.parametrize("spoil", ["passphrase", "half", "byte", "other database", "not a tar", "empty", "missing"])
def test_what_is_not_whole_changes_nothing(backup: Path, later: Path, spoil: str, tmp_path: Path) -> None:
    content, passphrase = backup.read_bytes(), PASSPHRASE
    if spoil == "passphrase":
        passphrase = PASSPHRASE + "!"
    elif spoil == "half":
        backup.write_bytes(content[: len(content) // 2])
    elif spoil == "byte":
        backup.write_bytes(content[:3000] + bytes([content[3000] ^ 1]) + content[3001:])
    elif spoil == "other database":
        folder = tmp_path / "spoiled"
        with tarfile.open(backup) as archive:
            archive.extractall(folder, filter="data")
        (folder / "storage/result").write_text("other")
        with tarfile.open(backup, "w:gz") as archive:
            for path in sorted(folder.rglob("*")):
                archive.add(path, path.relative_to(folder), recursive=False)
    elif spoil == "missing":
        backup.unlink()
    else:
        backup.write_bytes(b"" if spoil == "empty" else b"not a tar" * 1000)
    with pytest.raises(Blocked) as refused:
        restore(later, backup, passphrase)
    assert passphrase not in str(refused.value)
    assert said_by(later) == {"second"}
    check_that_no_restore_was_cut_short(later)


def test_a_running_server_is_refused_with_words(backup: Path, later: Path) -> None:
    with HomeLock(later), pytest.raises(Blocked, match=r"uses it.*Stop that one first"):
        restore(later, backup, PASSPHRASE)
    with closing(writer(later)) as server:  # one that Mailmove did not start
        server.execute("SELECT count(*) FROM ledger").fetchone()
        with pytest.raises(Blocked, match=r"database is locked.*Stop the Prefect server"):
            restore(later, backup, PASSPHRASE)
    assert said_by(later) == {"second"}


def test_a_backup_overwrites_nothing_and_leaves_nothing_half(later: Path, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(Blocked, match="of that name"):
        back_up(later, tmp_path / "kept", PASSPHRASE)
    with pytest.raises(Blocked, match="12 characters"):
        back_up(later, tmp_path / "new", "short")
    with pytest.raises(Blocked, match="Nothing was written"):
        back_up(later, Path("/dev/full/backup"), PASSPHRASE)
    with pytest.raises(Blocked, match="pg_dump"):
        back_up(tmp_path, tmp_path / "new", PASSPHRASE)
    assert (tmp_path / "kept").read_text() == "mine" and not list(tmp_path.glob("new*"))


KILLED = """
import os, sys
from pathlib import Path
from deployments.server import restore
left = int(sys.argv[4])
def line(frame, event, argument):
    global left
    if frame.f_code.co_filename != restore.__file__:
        return None
    if event == "line":
        left -= 1
        if left < 0:
            os._exit(9)
    return line
sys.settrace(line)
restore.restore(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
os._exit(0)
"""


def kills(last: int = 1500, every: int = 7) -> Iterator[int]:
    yield from range(0, last, every)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_killed_at_any_line_it_is_the_old_the_new_or_refused(backup: Path, later: Path, tmp_path: Path) -> None:
    ends: set[str] = set()
    for place in kills():
        words = [str(later), str(backup), PASSPHRASE, str(place)]
        killed = subprocess.run([sys.executable, "-c", KILLED, *words], cwd=ROOT, timeout=120, check=False)
        assert killed.returncode in (0, 9)
        try:
            check_that_no_restore_was_cut_short(later)
        except Blocked:
            ends.add("refused")
        else:
            (end,) = said_by(later)
            ends.add(end)
        if killed.returncode == 0:
            break
        if ends != {"second"}:
            restore(later, backup, PASSPHRASE)
            assert said_by(later) == {"first"}, place
            assert "second" in {word for aside in later.glob("replaced-*") for word in parts_of(aside)}, (
                "nothing is lost"
            )
    assert killed.returncode == 0 and ends == {"second", "refused", "first"}, ends


def parts_of(aside: Path) -> set[str]:
    return {path.read_text() for path in aside.glob("storage/result")}


def test_the_commands(later: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from deployments.cli.main import app

    (tmp_path / "passphrase").write_text(PASSPHRASE + "\n")
    file, words = tmp_path / "a-backup", ["--home", str(later), "--passphrase-file", str(tmp_path / "passphrase")]
    done = CliRunner().invoke(app, ["backup", str(file), *words])
    assert done.exit_code == 0 and "3 files" in done.output, done.output
    asked = CliRunner().invoke(
        app, ["restore", str(file), "--home", str(tmp_path / "new")], input="wrong wrong wrong\n"
    )
    assert asked.exit_code == IN_THE_WAY and "another passphrase" in asked.output and "Traceback" not in asked.output
    done = CliRunner().invoke(app, ["restore", str(file), *words])
    assert done.exit_code == 0 and "replaced-" in done.output, done.output
    assert said_by(later) == {"second"}
