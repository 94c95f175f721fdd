"""`gigaday limits`: what callers may take, changed while nodes serve."""

from typing import TYPE_CHECKING, Any

from cyclopts import App

from gigaday.cli.output import AsJson, show
from gigaday.cli.session import Load, with_backends

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gigaday.ops.limits import Limits

NAME_HELP = "NAME is a plan, anonymous (callers without a token, by address), tenant:<id> or token:<id>."


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    limits = App(name="limits", help="Show and set limits, and try new ones out. Nodes follow within a second.")
    app.command(limits)

    @limits.command(name="show")
    def show_(*, json: AsJson = False) -> None:
        """Show every plan's limit and whatever is set, with what limits on trial would have refused."""
        _run(load, lambda work: _nothing(), json)

    @limits.command(name="set", help=f"Set a limit to QUOTA tokens in WINDOW seconds. {NAME_HELP}")
    def set_(name: str, quota: int, window: int = 60, *, json: AsJson = False) -> None:
        _run(load, lambda work: work.set(name, quota, window), json)

    @limits.command(help=f"Go back to what the plan says. {NAME_HELP}")
    def unset(name: str, *, json: AsJson = False) -> None:
        _run(load, lambda work: work.unset(name), json)

    @limits.command(help=f"Put a limit on trial: count what it would refuse, refuse nothing. {NAME_HELP}")
    def shadow(name: str, quota: int = 0, window: int = 60, *, off: bool = False, json: AsJson = False) -> None:
        """End the trial with --off."""
        _run(load, lambda work: work.unshadow(name) if off else work.shadow(name, quota, window), json)


def _run(load: Load, change: "Callable[[Limits], Awaitable[None]]", json: bool) -> None:
    from msgspec import to_builtins

    from gigaday import compose

    async def run(backends: Any, settings: Any) -> Any:
        work = compose.limits(backends, settings)
        await work.refresh()
        await change(work)
        return await work.show()

    show(to_builtins(with_backends(load, run)), json, told=_told)


def _told(limit: "Mapping[str, Any]") -> dict[str, str]:
    """As a row of a table. A tenant that has only a trial has no limit of its own."""
    own = f"{limit['quota']:,} in {limit['window']:,} s" if limit["quota"] else "as its plan"
    return {
        "limit": limit["name"],
        "allows": own,
        "set by": limit["setBy"],
        "on trial": limit["shadow"],
        "would refuse": f"{limit['wouldRefuse']:,}" if limit["shadow"] else "",
    }


async def _nothing() -> None:
    return None
