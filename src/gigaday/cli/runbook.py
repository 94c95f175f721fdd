"""`gigaday runbook`: emergency procedures, step by step, with a way back."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from gigaday.cli.operator import AS_USUAL, How, Switch
from gigaday.cli.session import Load
from gigaday.model.mode import Admits

if TYPE_CHECKING:
    from gigaday.cli.runbook_session import Session, Steps
    from gigaday.ops.runbook import Step


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    group = App(name="runbook", help="Run an emergency procedure: spike, database or cache. Each can be undone.")
    app.command(group)
    _register_spike(group, load)
    _register_database(group, load)
    _register_cache(group, load)


def _register_spike(group: App, load: Load) -> None:
    @group.command
    def spike(
        *, lifetimes: float = 4.0, concurrency: float = 0.7, admits: Admits = "list", nodes: int | None = None,
        add_nodes: Annotated[bool, Parameter(name="--add-nodes", negative="--no-nodes")] = True,
        wait: timedelta = timedelta(seconds=120), how: How = AS_USUAL,
    ) -> None:  # fmt: skip
        """More requests than the fleet can take: cache for longer, take less on at once, add nodes.

        Parameters
        ----------
        lifetimes
            A factor on how long answers are cached.
        concurrency
            A factor on the requests that a node takes on at once.
        admits
            The least urgent that is admitted: list (everything), read, or write.
        nodes
            How many are to serve; else twice as many as now.
        add_nodes
            Whether to change the number of nodes.
        wait
            How long to wait for nodes that others have to start.
        """
        from gigaday.ops import runbook_spike

        wanted = runbook_spike.Spike(lifetimes, concurrency, admits, nodes, wait.total_seconds())

        def steps(session: "Session") -> "list[Step]":
            counted = session.nodes() if add_nodes or how.undo else None
            return runbook_spike.steps(wanted, session.mode_steps("spike"), counted, session.clock, session.ask)

        _perform(load, runbook_spike.NAME, how, steps)


def _register_database(group: App, load: Load) -> None:
    @group.command
    def database(
        *, failover: bool = True, pool: float = 2.0, read_only: Annotated[bool, Switch] = False,
        away: timedelta = timedelta(seconds=60), how: How = AS_USUAL,
    ) -> None:  # fmt: skip
        """The database's primary is sick: have another member lead, widen the pools; refuse writes if you say so.

        Parameters
        ----------
        failover
            Whether to have another member lead.
        pool
            A factor on each process's connections, from 1 to 4.
        read_only
            Refuse writes first, until this is undone.
        away
            How long the old primary cannot be elected again.
        """
        from gigaday.ops import runbook_database

        # Undoing needs to know every step that may have been done.
        wanted = runbook_database.Trouble(failover or how.undo, pool, read_only or how.undo, away.total_seconds())

        def steps(session: "Session") -> "list[Step]":
            return runbook_database.steps(
                wanted, session.mode_steps("database"), session.failover(), session.writable, session.clock
            )

        _perform(load, runbook_database.NAME, how, steps)


def _register_cache(group: App, load: Load) -> None:
    @group.command
    def cache(*, limits: float = 2.0, database_only: Annotated[bool, Switch] = False, how: How = AS_USUAL) -> None:
        """Redis is lost: switch to the backup cluster, or to the database alone where that is lost too; loosen limits.

        Parameters
        ----------
        limits
            A factor on every quota.
        database_only
            Use no Redis at all, though the backup answers.
        """
        from gigaday.ops import runbook_cache

        def steps(session: "Session") -> "list[Step]":
            redis = runbook_cache.Redis(session.shares, session.backup(), database_only)
            return runbook_cache.steps(session.mode_steps("cache"), redis, limits)

        _perform(load, runbook_cache.NAME, how, steps)


def _perform(load: Load, name: str, how: How, steps: "Steps") -> None:
    from gigaday.cli import runbook_session

    runbook_session.perform(load, name, how, steps)
