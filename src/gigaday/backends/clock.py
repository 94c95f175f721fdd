"""The system's clock."""

import time


class SystemClock:
    """`Clock` on the machine's clocks, asked without a detour: every request asks several times."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
