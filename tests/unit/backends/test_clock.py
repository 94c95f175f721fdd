from gigaday.backends.clock import SystemClock
from gigaday.contracts import Clock


def test_the_clock_goes_on():
    clock: Clock = SystemClock()
    before = clock.monotonic(), clock.now()
    assert clock.monotonic() >= before[0]
    assert clock.now() > 1_700_000_000
