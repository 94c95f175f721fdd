"""`gigaday audit`: what procedures have been run, by whom, and what they have changed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from gigaday.cli.operator import Where, settings_of
from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load, with_backends
from gigaday.errors import BackendDown

if TYPE_CHECKING:
    from gigaday.compose import Backends
    from gigaday.ops.audit import Entry
    from gigaday.settings import Settings

Limit = Annotated[int, Parameter(name="--limit", help="How many of the latest entries.")]
_HERE_ALONE = "{}\nThese are only the entries that this machine keeps until the database answers."


def register(app: App, load: Load) -> None:
    """Adds the command to `app`; `load` reads the settings when it runs."""

    @app.command
    def audit(*, limit: Limit = 50, lab: Where = None, json: AsJson = False) -> None:
        """Show what emergency procedures have done: when, at whose word, how it was before and after."""
        from msgspec import to_builtins

        own = settings_of(lab, load)

        async def read(backends: "Backends | None", settings: "Settings") -> "list[Entry]":
            from gigaday import compose

            return await compose.audit(backends, settings, "").entries(limit)

        try:
            found = with_backends(own, read)
        except BackendDown as error:
            import asyncio

            note(_HERE_ALONE.format(error))
            found = asyncio.run(read(None, own()))
        show(to_builtins(found), json, told=_told)


def _told(entry: Mapping[str, Any]) -> dict[str, str]:
    """As a row of a table."""
    step = ": ".join(part for part in (entry["procedure"], entry["step"]) if part)
    told = {"when": entry["at"][:19], "who": entry["by"], "step": step, "what": entry["what"]}
    return {**told, "result": entry["result"]}
