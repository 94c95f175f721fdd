"""What a node does by itself while something is down: the one table of outages and what each brings.

What an operator sets is added to it (`ops.modes`). Each node judges by its own breakers: one that is cut off from the
database must not put the others into read-only mode.
"""

from collections.abc import Callable, Mapping

from gigaday.model.mode import NORMAL, Mode, of_level
from gigaday.resilience.guarded_store import GuardedStore

READS, WRITES = "database reads", "database writes"
TABLE: Mapping[str, Mode] = {
    READS: of_level("serve_stale") | of_level("read_only"),
    WRITES: of_level("read_only"),
}
"""By what is down. A cache that is down slows answers and changes none; a store of media that is down refuses uploads
by its own guard, and leaves everything else as it is."""

Down = Callable[[], bool]


class Automatic:
    """Asked for every request that is not answered from this process's memory, so it only looks at what is known."""

    def __init__(self, down: Mapping[str, Down]) -> None:
        self._down = [(name, is_down, TABLE[name]) for name, is_down in down.items()]

    def mode(self) -> Mode:
        """What the present outages bring."""
        mode = NORMAL
        for _, is_down, brings in self._down:
            if is_down():
                mode = brings if mode is NORMAL else mode | brings
        return mode

    def causes(self) -> list[str]:
        """What is down."""
        return [name for name, is_down, _ in self._down if is_down()]


def of_database(store: GuardedStore) -> Mapping[str, Down]:
    """Down is what a breaker keeps from being asked; a half-open one lets somebody try."""
    return {
        READS: lambda: store.reads.breaker.state == "open",
        WRITES: lambda: not store.writable() or store.writes.breaker.state == "open",
    }
