"""`gigaday mode`: what the service does otherwise than normally, set while nodes serve."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from gigaday.cli.output import AsJson, show
from gigaday.cli.session import Load, with_backends
from gigaday.errors import BackendDown
from gigaday.model.mode import FLEET, Admits, Level, Store, tenant_scope

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gigaday.model.mode import Setting
    from gigaday.ops.mode_file import ModeFile
    from gigaday.ops.modes import Modes

Tenant = Annotated[str, Parameter(help="For this tenant alone.")]
Here = Annotated[
    bool, Parameter(negative="", help="For this machine's node alone, in a file; needs no database, and survives it.")
]
For = Annotated[timedelta | None, Parameter(name="--for", help="How long, such as 10m or 2h; else until cleared.")]
_UNREACHED = "{}\nOn each node run the same command with --here: nodes heed that without the database."


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    mode = App(name="mode", help="Show and set the mode: serve_stale, read_only, shed. Nodes follow within a second.")
    app.command(mode)

    @mode.command(name="show")
    def show_(*, here: Here = False, json: AsJson = False) -> None:
        """Show what is set, for all and for tenants. What outages bring by themselves is in each node's /api/health."""
        _run(load, here, lambda work: _nothing(), lambda file: None, json)

    @mode.command(name="set")
    def set_(
        level: Level, *, tenant: Tenant = "", for_: For = None, reason: str = "", admits: Admits | None = None,
        concurrency: float | None = None, lifetimes: float | None = None, limits: float | None = None,
        cache: Store | None = None, pool: float | None = None, here: Here = False, json: AsJson = False,
    ) -> None:  # fmt: skip
        """Set the mode for all, or for one tenant.

        Parameters
        ----------
        level
            normal, serve_stale (what is cached is served beyond its life, with no refresh), read_only (writes are
            refused) or shed (lists, exports and uploads are refused).
        reason
            Told to everybody, in /api/health.
        admits
            The least urgent that is admitted: list (everything), read, or write (writes alone).
        concurrency
            A factor on the requests in flight, at most 1.
        lifetimes
            A factor on how long answers are cached from now on.
        limits
            A factor on every quota: above 1 loosens, below 1 tightens.
        cache
            The shared cache to use: primary, backup, or off (the database alone).
        pool
            A factor on each process's connections to the database, from 1 to 4.
        """
        given = {"level": level, "admits": admits, "concurrency": concurrency, "lifetimes": lifetimes,
                 "limits": limits, "cache": cache, "pool": pool}  # fmt: skip
        changes = {name: value for name, value in given.items() if value is not None}
        scope = tenant_scope(tenant) if tenant else FLEET
        by, seconds = _who(), for_.total_seconds() if for_ is not None else None

        async def change(work: "Modes") -> None:
            await work.change(scope, changes, by=by, reason=reason, seconds=seconds)

        def change_here(file: "ModeFile") -> None:
            import time

            from gigaday.ops.modes import changed

            known = next((setting for setting in file.read() if setting.scope == scope), None)
            file.put(changed(known, scope, changes, time.time(), by=by, reason=reason, seconds=seconds))

        _run(load, here, change, change_here, json)

    @mode.command
    def clear(*, tenant: Tenant = "", here: Here = False, json: AsJson = False) -> None:
        """Go back to normal."""
        scope = tenant_scope(tenant) if tenant else FLEET
        _run(load, here, lambda work: work.clear(scope, by=_who()), lambda file: file.clear(scope), json)


def _run(
    load: Load, here: bool, change: "Callable[[Modes], Awaitable[None]]", change_here: "Callable[[ModeFile], None]",
    json: bool,
) -> None:  # fmt: skip
    from msgspec import to_builtins

    if here:
        from gigaday.compose import mode_file

        file = mode_file(load())
        change_here(file)
        show(to_builtins(file.read()), json, told=_told)
        return
    try:
        show(to_builtins(with_backends(load, lambda backends, settings: _shared(backends, settings, change))), json,
             told=_told)  # fmt: skip
    except BackendDown as error:
        raise BackendDown(_UNREACHED.format(error)) from error


async def _shared(backends: Any, settings: Any, change: "Callable[[Modes], Awaitable[None]]") -> "list[Setting]":
    from gigaday import compose

    work = compose.modes(backends, settings)
    await change(work)
    return await work.show()


def _who() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return ""


def _told(setting: "Mapping[str, Any]") -> dict[str, str]:
    """As a row of a table."""
    factors = ", ".join(f"{name} x{setting[name]:g}" for name in ("concurrency", "lifetimes", "limits", "pool")
                        if setting[name] != 1)  # fmt: skip
    return {
        "scope": setting["scope"],
        "mode": setting["level"],
        "admits": setting["admits"],
        "factors": factors,
        "cache": setting["cache"],
        "since": setting["since"],
        "until": setting["until"] or "cleared",
        "by": setting["by"],
        "reason": setting["reason"],
    }


async def _nothing() -> None:
    return None
