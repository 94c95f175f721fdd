import pytest

from gigaday.edge.counters import BOUNDS, Counters


@pytest.mark.parametrize(("seconds", "at"), [(0.0001, 0), (0.0005, 0), (0.04, BOUNDS.index(0.05)), (60.0, len(BOUNDS))])
def test_a_request_counts_in_the_first_bucket_that_is_not_too_small(seconds: float, at: int) -> None:
    counters = Counters()
    counters.record(200, seconds)
    assert [place for place, count in enumerate(counters.latency) if count] == [at]
    assert (counters.statuses, counters.seconds) == ({200: 1}, seconds)
