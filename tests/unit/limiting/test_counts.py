from gigaday.limiting.counts import Counts


def test_every_decision_counts_once_and_fallbacks_are_told_apart():
    counts = Counts(leased=1, exact=2, denied=4, shared_in=8, closed=16, round_trips=64, failures=128)
    assert (counts.decisions, counts.fallbacks) == (31, 24)
