"""Until when this node knows that no invalidation was kept from it."""

import math


class Trust:
    """`until` is a monotonic second: every invalidation announced `BOUND` seconds before it has arrived. Read on every
    request; in the past, or never, where nobody announces anything."""

    __slots__ = ("ended", "failing", "until")

    def __init__(self) -> None:
        self.until = -math.inf
        self.ended = 0
        """How often `until` was drawn back."""
        self.failing = False
        """Whether the last load of anything found its store down."""

    def end(self, now: float) -> None:
        """From `now` on, invalidations may be kept from this node."""
        if now < self.until:
            self.until = now
            self.ended += 1


BOUND = 1.0
"""Seconds after which an acknowledged write is seen by every read that begins."""
