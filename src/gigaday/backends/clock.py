"""The machine's clock."""

import time


class SystemClock:
    """`Clock` on the operating system's time."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
