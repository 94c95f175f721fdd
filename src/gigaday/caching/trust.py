"""Until when this node knows that no invalidation was kept from it."""

import math


class Trust:
    """`until` is a monotonic second: every invalidation announced `BOUND` seconds before it has arrived. Read on every
    request; in the past, or never, where nobody announces anything."""

    __slots__ = ("failing", "until")

    def __init__(self) -> None:
        self.until = -math.inf
        self.failing = False
        """Whether the last load of anything found its store down."""


BOUND = 1.0
"""Seconds after which an acknowledged write is seen by every read that begins."""
