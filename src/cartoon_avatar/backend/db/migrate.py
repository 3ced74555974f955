"""Brings a database's schema up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, NullPool, inspect, text

from cartoon_avatar.backend.db.migrations import HEAD
from cartoon_avatar.backend.db.session import Database, Postgres

# Loading Alembic takes a tenth of a start, nearly all of which find nothing to do for it.
if TYPE_CHECKING:
    from alembic.config import Config

# An arbitrary advisory lock id, the same in every version: processes that start together
# migrate one by one.
_ADVISORY_LOCK = 0x636172746F6F6E


def alembic_config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


async def migrate(database: Database, revision: str = "head") -> None:
    """Upgrade (or, to ``base``, downgrade) in one transaction."""
    if revision == "head" and await database.read(_is_current):
        return

    def run(connection: Connection) -> None:
        from alembic import command

        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        config = alembic_config()
        config.attributes["connection"] = connection
        if revision == "base":
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)

    if not isinstance(database, Postgres):
        await database.write(run)
        return
    from sqlalchemy.ext.asyncio import create_async_engine

    # Without the limits of a request: another's migration may take its time, and so may ours.
    patient = create_async_engine(database.engine.url, poolclass=NullPool)
    try:
        async with patient.begin() as connection:
            await connection.run_sync(run)
    finally:
        await patient.dispose()


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    return connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD
