"""The circuit breaker: after enough failures nobody calls for a while, then one call at a time tries again.

Source: Nygard, "Release It!", 2007. Knows neither what is called nor how; its user reports how each call ended.
"""

from dataclasses import dataclass
from typing import Literal

from gigaday.contracts import Clock

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class Thresholds:
    """Opens after `failures` in a row, or where `share` of at least `least` calls of one `window` (seconds) failed;
    stays open for `pause` seconds before a call may try again."""

    failures: int = 5
    share: float = 0.5
    least: int = 20
    window: float = 10.0
    pause: float = 1.0


class Breaker:
    """Ask `allows` before each call and tell how it ended. A call that never tells (a cancelled one) counts as none."""

    def __init__(self, clock: Clock, thresholds: Thresholds | None = None) -> None:
        self._clock, self._at = clock, thresholds or Thresholds()
        self.opened = 0
        """How often it has opened."""
        self._until: float | None = None
        """When the pause ends; None while closed."""
        self._trying = False
        self._calls, self._failures, self._row = 0, 0, 0
        self._since = clock.monotonic()

    @property
    def state(self) -> State:
        if self._until is None:
            return "closed"
        return "half_open" if self._trying or self._clock.monotonic() >= self._until else "open"

    def allows(self) -> bool:
        """Whether to call now. While open, one caller per pause is let through, whose success closes it."""
        if self._until is None:
            return True
        now = self._clock.monotonic()
        if now < self._until:
            return False
        # Held until this call ends; one that never tells makes way for the next after another pause.
        self._until, self._trying = now + self._at.pause, True
        return True

    def succeeded(self) -> None:
        if self._until is None:
            self._count(failed=False)
        elif self._trying:
            self._close()

    def failed(self) -> None:
        if self._until is None:
            self._count(failed=True)
            if self._row >= self._at.failures or self._fails_too_often():
                self._open()
        elif self._trying:
            self._open()
        # Else a call from before it opened: it says nothing new, and must not lengthen the pause.

    def _count(self, *, failed: bool) -> None:
        now = self._clock.monotonic()
        if now - self._since >= self._at.window:
            self._since, self._calls, self._failures = now, 0, 0
        self._calls += 1
        self._failures += failed
        self._row = self._row + 1 if failed else 0

    def _fails_too_often(self) -> bool:
        return self._calls >= self._at.least and self._failures >= self._at.share * self._calls

    def _open(self) -> None:
        self._until, self._trying = self._clock.monotonic() + self._at.pause, False
        self.opened += 1

    def _close(self) -> None:
        self._until, self._trying = None, False
        self._since, self._calls, self._failures, self._row = self._clock.monotonic(), 0, 0, 0
