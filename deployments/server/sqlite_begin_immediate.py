"""Let Prefect's server begin with BEGIN IMMEDIATE on SQLite. `deployments/server/api_server.py` starts it so.

Measured on Prefect 3.8.8 with 20 cutovers resumed in a minute:

1. Prefect begins most transactions as DEFERRED. One that reads and then writes fails at once ("database is locked")
   if another one was committed in between; the API answers 503, and its client sleeps for two seconds or more.
2. Such an error leaves an open cursor in a reference cycle. When Python collects it on the event loop's thread, that
   thread waits for the mutex of the cursor's connection. The connection's own thread may hold it while it waits for
   the database, 60 s long, and whoever has the database waits for the event loop: the server stands still for a minute.

BEGIN IMMEDIATE waits for the lock instead; Prefect itself uses it where it sets a state. PostgreSQL has neither fault.

It stays a file of its own beside `tasks/engine/prefect_internals.py`: the server's process imports nothing of `tasks`.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from prefect.server.database.configurations import AioSqliteConfiguration
from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction


def begin_immediately() -> None:
    """From now on every transaction that Prefect begins on SQLite takes the write lock before it reads."""
    begin = AioSqliteConfiguration.begin_transaction

    def begin_transaction(
        self: AioSqliteConfiguration, session: AsyncSession, with_for_update: bool = False
    ) -> AbstractAsyncContextManager[AsyncSessionTransaction]:
        return begin(self, session, with_for_update=True)

    AioSqliteConfiguration.begin_transaction = begin_transaction  # type: ignore[assignment,method-assign]
