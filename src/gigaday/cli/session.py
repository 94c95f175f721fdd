"""Runs one command's work with the back ends open, and closes them after it."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from gigaday.cli.output import note

if TYPE_CHECKING:
    from gigaday.compose import Backends
    from gigaday.ops.tenancy import Tenancy
    from gigaday.settings import Settings

UNDELIVERED = (
    "Redis does not answer: once it does, nodes may serve what was cached before of {}. "
    "Then run: gigaday cache purge --all"
)
_MOST_NAMED = 5

Load = Callable[[], "Settings"]
T = TypeVar("T")


def with_backends(load: Load, use: Callable[["Backends", "Settings"], Awaitable[T]]) -> T:
    """What `use` returns, given back ends as `load()` says."""
    import asyncio

    from gigaday import compose

    async def run() -> T:
        settings = load()
        async with compose.open_backends(settings) as backends:
            try:
                return await use(backends, settings)
            finally:
                await _deliver(backends)

    return asyncio.run(run())


async def _deliver(backends: "Backends") -> None:
    """Waits a little until the shared cache has taken every invalidation: what a process still owes is lost with it."""
    from gigaday.ops.cache import outstanding

    if owed := await outstanding(backends.coherence.invalidation.owed):
        note(UNDELIVERED.format(", ".join(owed[:_MOST_NAMED]) + ("" if len(owed) <= _MOST_NAMED else ", ...")))


def with_tenancy(load: Load, use: Callable[["Tenancy"], Awaitable[T]]) -> T:
    """What `use` returns, given the tenants and tokens of the store that `load()` names."""
    from gigaday import compose

    async def run(backends: "Backends", settings: "Settings") -> T:
        return await use(compose.tenancy(backends, settings))

    return with_backends(load, run)
