"""`gigaday db`: what an operator does to the database itself."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Protocol

from cyclopts import App, Parameter

from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load

NONE_NEEDED = "SQLite needs none: the file's tables and indexes are made at the start."
Apply = Annotated[bool, Parameter(name="--apply", negative="--dry-run")]


class Admin(Protocol):
    """What a database offers its operator. Each answer is plain data to show."""

    async def indexes(self) -> Any:
        """Makes the missing indexes."""

    async def shard(self, *, apply: bool) -> Any:
        """Shards the collections, or only tells the steps."""

    async def status(self) -> Any:
        """The server's state."""

    async def close(self) -> None:
        """Releases connections."""


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    db = App(name="db", help="Make indexes, shard collections, see the database's state.")
    app.command(db)

    @db.command
    def indexes(*, json: AsJson = False) -> None:
        """Make the indexes that are missing; those that exist are left alone."""
        _with_admin(load, lambda admin: admin.indexes(), json)

    @db.command
    def shard(*, apply: Apply = False, json: AsJson = False) -> None:
        """Tell what sharding would do (--dry-run, the default), or do it (--apply). Can be repeated."""
        _with_admin(load, lambda admin: admin.shard(apply=apply), json)
        if not apply:
            note("Nothing was changed. Do it with: gigaday db shard --apply")

    @db.command
    def status(*, json: AsJson = False) -> None:
        """Show the server, its members and the collections."""
        _with_admin(load, lambda admin: admin.status(), json)


def _with_admin(load: Load, use: Callable[[Admin], Awaitable[Any]], as_json: bool) -> None:
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

    show(asyncio.run(run()), as_json)
