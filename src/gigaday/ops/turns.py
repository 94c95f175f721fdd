"""How Python's threads take turns: as suits an event loop, or the threads beside it that read from SQLite."""

import sys
from collections.abc import Callable

LONG, SHORT = 0.005, 0.000_5
"""Seconds that a thread waits for one that goes on, before that has to let it. By Python's own, the long ones, a flood
of refusals left the reads a fifth of what they could do. By the short ones, a cached answer costs 7 % more: the thread
of the server, which takes requests in, interrupts the loop as often."""


class Turns:
    """Short turns while requests are refused (`refused` counts them), and long ones as soon as none is."""

    def __init__(self, refused: Callable[[], int], set_to: Callable[[float], None] = sys.setswitchinterval) -> None:
        self._refused, self._set_to = refused, set_to
        self._before = refused()

    async def share(self) -> None:
        """To be called about once a second."""
        refused = self._refused()
        self._set_to(LONG if refused == self._before else SHORT)
        self._before = refused
