"""A clock that tests move."""


class HandClock:
    """`Clock` whose time is what `time` says, of the day and monotonic alike."""

    def __init__(self, time: float = 1_000.0) -> None:
        self.time = time

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time
