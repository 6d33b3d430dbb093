"""Two that read and then write at the same time: Prefect as it is fails one of them, the box's server neither."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TWO_WRITERS = """
import asyncio, sys
import sqlalchemy as sa
from prefect.server.database.configurations import AioSqliteConfiguration
from deployments.server.sqlite_begin_immediate import begin_immediately

if sys.argv[2] == "immediately":
    begin_immediately()

async def one(database, engine, number):
    async with await database.session(engine) as session, database.begin_transaction(session):
        await session.execute(sa.text("SELECT count(*) FROM told"))
        await asyncio.sleep(0.3)
        await session.execute(sa.text(f"INSERT INTO told VALUES ({number})"))

async def main():
    database = AioSqliteConfiguration(connection_url=f"sqlite+aiosqlite:///{sys.argv[1]}")
    engine = await database.engine()
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE told (number INTEGER)"))
    ends = await asyncio.gather(*(one(database, engine, n) for n in (1, 2)), return_exceptions=True)
    print(sum(end is None for end in ends), *(end.orig for end in ends if end))
    await engine.dispose()

asyncio.run(main())
"""


@pytest.mark.parametrize(("how", "seen"), [("as it is", "1 database is locked"), ("immediately", "2")])
def test_two_that_read_and_then_write(how: str, seen: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWO_WRITERS, str(tmp_path / "told.db"), how],
        cwd=ROOT, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert (done.stdout.strip(), done.returncode) == (seen, 0), done.stderr
