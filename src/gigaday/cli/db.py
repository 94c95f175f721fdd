"""`gigaday db`: what an operator does to the database itself."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import msgspec
from cyclopts import App, Parameter

from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load

if TYPE_CHECKING:
    from gigaday.contracts import Collection

NONE_NEEDED = "SQLite needs none: the file's tables and indexes are made at the start."
Apply = Annotated[bool, Parameter(name="--apply", negative="--dry-run")]


class Admin(Protocol):
    """What a database offers its operator; every step is data to show. Any call may raise BackendDown."""

    def indexes(self, collections: Sequence["Collection"], *, dry_run: bool = False) -> AsyncIterator[Any]:
        """Makes the missing indexes, or only tells which are missing."""

    def shard(self, collections: Sequence["Collection"], *, dry_run: bool = False) -> AsyncIterator[Any]:
        """Shards the collections, or only tells the commands."""

    async def replica_status(self) -> list[str]:
        """Warnings about the replica set."""

    async def close(self) -> None:
        """Releases connections."""


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    db = App(name="db", help="Make indexes, shard collections, see the database's state.")
    app.command(db)

    @db.command
    def indexes(*, json: AsJson = False) -> None:
        """Make the indexes that are missing; those that exist are left alone."""
        show(_with_admin(load, lambda admin: _steps(admin.indexes(_collections()))), json)

    @db.command
    def shard(*, apply: Apply = False, json: AsJson = False) -> None:
        """Tell what sharding would do (--dry-run, the default), or do it (--apply). Can be repeated."""
        show(_with_admin(load, lambda admin: _steps(admin.shard(_collections(), dry_run=not apply))), json)
        if not apply:
            note("Nothing was changed. Do it with: gigaday db shard --apply")

    @db.command
    def status(*, json: AsJson = False) -> None:
        """Show which indexes there are, and what is wrong with the replica set."""
        show(_with_admin(load, _status), json)


def _with_admin(load: Load, use: Callable[[Admin], Awaitable[Any]]) -> Any:
    import asyncio

    from gigaday import compose

    async def run() -> Any:
        admin = compose.database_admin(load())
        if admin is None:
            return {"database": "SQLite", "note": NONE_NEEDED}
        try:
            return await use(admin)
        finally:
            await admin.close()

    return asyncio.run(run())


async def _steps(steps: AsyncIterator[Any]) -> list[dict[str, Any]]:
    """Every step as a row, told as it is done, since one may take hours."""
    rows = []
    async for step in steps:
        rows.append(msgspec.to_builtins(step))
        note(" ".join(str(value) for value in rows[-1].values()))
    return rows


async def _status(admin: Admin) -> dict[str, Any]:
    states = [step async for step in admin.indexes(_collections(), dry_run=True)]
    return {
        "database": "MongoDB",
        "indexes": len(states),
        "missing": [f"{state.collection}.{state.index}" for state in states if state.state == "missing"],
        "warnings": await admin.replica_status(),
    }


def _collections() -> Any:
    from gigaday import compose

    return compose.COLLECTIONS
