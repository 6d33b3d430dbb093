"""The secrets of a home: whole, its owner's only, and not where a copy of the database takes them along."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy
from cryptography.fernet import Fernet
from prefect.server.database.orm_models import Configuration

from deployments.server.home import prepare_home, read_profile, write_profile
from deployments.server.kept_secrets import API_STRING, BLOCK_KEY, api_string, block_key


def test_made_once_and_closed_even_where_somebody_opened_them(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    prepare_home(home)
    assert home.stat().st_mode & 0o777 == 0o700
    key, string = block_key(home), api_string(home)
    assert len(string) > 40 and string.startswith("mailmove:") and Fernet(key.encode())
    for name in (BLOCK_KEY, API_STRING):
        (home / name).chmod(0o644)
    (home / f"{API_STRING}.new").write_text("left by a kill")
    assert (block_key(home), api_string(home)) == (key, string)
    write_profile(home, "http://127.0.0.1:4200/api", string)
    assert read_profile(home) == ("http://127.0.0.1:4200/api", string)
    assert {path.name: path.stat().st_mode & 0o777 for path in home.iterdir() if path.is_file()} == {
        BLOCK_KEY: 0o600, API_STRING: 0o600, f"{API_STRING}.new": 0o644, "profiles.toml": 0o600,
    }  # fmt: skip


def test_a_key_that_prefect_put_into_the_database_is_taken_out(tmp_path: Path) -> None:
    """As `prefect server start` leaves it; by Prefect's own table."""
    prepare_home(tmp_path)
    key = Fernet.generate_key().decode()
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'prefect.db'}")
    table = Configuration.metadata.tables["configuration"]
    names = [column.name for column in table.columns]
    with engine.begin() as database:
        database.execute(sqlalchemy.text("PRAGMA journal_mode=WAL"))
        database.execute(sqlalchemy.text(f"CREATE TABLE configuration ({', '.join(names)})"))
        for name, value in (("ENCRYPTION_KEY", f'{{"fernet_key": "{key}"}}'), ("other", "{}")):
            database.execute(
                sqlalchemy.text("INSERT INTO configuration (key, value) VALUES (:key, :value)"),
                {"key": name, "value": value},
            )
    engine.dispose()
    assert block_key(tmp_path) == key, "what it encrypts can still be read"
    left = b"".join(path.read_bytes() for path in tmp_path.glob("prefect.db*"))
    assert key.encode() not in left and b"other" in left, "a copy of the database no longer has it"
    assert block_key(tmp_path) == key
