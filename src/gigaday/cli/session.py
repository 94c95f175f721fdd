"""Runs one command's work with the back ends open, and closes them after it."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from gigaday.compose import Backends
    from gigaday.ops.tenancy import Tenancy
    from gigaday.settings import Settings

Load = Callable[[], "Settings"]
T = TypeVar("T")


def with_backends(load: Load, use: Callable[["Backends", "Settings"], Awaitable[T]]) -> T:
    """What `use` returns, given back ends as `load()` says."""
    import asyncio

    from gigaday import compose

    async def run() -> T:
        settings = load()
        async with compose.open_backends(settings) as backends:
            return await use(backends, settings)

    return asyncio.run(run())


def with_tenancy(load: Load, use: Callable[["Tenancy"], Awaitable[T]]) -> T:
    """What `use` returns, given the tenants and tokens of the store that `load()` names."""
    from gigaday import compose

    async def run(backends: "Backends", settings: "Settings") -> T:
        return await use(compose.tenancy(backends, settings))

    return with_backends(load, run)
