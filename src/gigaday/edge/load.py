"""How much a node is working on, and how much is too much for each priority."""

from typing import Literal

import msgspec

from gigaday.rules.concurrency import AdaptiveLimit

FULL = "This node is at its limit; try again"
"""What a caller is told whose request is too much."""

Priority = Literal["health", "write", "read", "list"]

SHARES: dict[Priority, float] = {"health": float("inf"), "write": 0.95, "read": 0.90, "list": 0.80}
"""The share of the limit at which each priority is refused. A list or export costs most and is missed least."""

_IDLE_AS_ONE = 4
"""How many idle requests count as one that is open: they have come whole, hold no back end, and still take memory."""


class Caps(msgspec.Struct, frozen=True):
    """Sizes in bytes, `request_timeout` in seconds (until the first byte of the answer)."""

    max_in_flight: int = 1_000
    least_in_flight: int = 32
    request_timeout: float = 10.0
    header_bytes: int = 16_384
    header_count: int = 100
    url_bytes: int = 8_192


class Load:
    """Shared by the stages that refuse: `limit` is learnt, `caps.max_in_flight` is set."""

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.limit = AdaptiveLimit(min(caps.least_in_flight, caps.max_in_flight), caps.max_in_flight)
        self.in_flight = 0
        """Requests that are worked on."""
        self.open = 0
        """Those, and the ones that wait for their clients."""
        self.idle = 0
        """Requests that wait for what is loaded for another: many of them cost next to nothing."""
        self.refused = 0
        self.factor = 1.0
        """On both limits: below 1 in an emergency."""
        self._most = caps.max_in_flight

    @property
    def tight(self) -> bool:
        """Whether the least urgent priority is refused: asked for every request, before its priority is known."""
        return not self._room(SHARES["list"])

    def refuses(self, priority: Priority) -> bool:
        """Whether a request of that priority is one too many; counts those that are."""
        if self._room(SHARES[priority]):
            return False
        self.refused += 1
        return True

    def _room(self, share: float) -> bool:
        share *= self.factor
        open = self.open + self.idle / _IDLE_AS_ONE
        return self.in_flight < self.limit.value * share and open < self._most * share
