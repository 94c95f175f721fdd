"""What is read of a flood's log."""

from gigaday.lab.chaos import flood


def test_refusals_are_told_from_failures():
    log = ["10\t200\t5000", "20\t200\t7000", "30\t503\t1000", "40\t429\t3000", "50\t503\t2000", "60\t502\t9000"]
    seen = flood.read(log, 2)
    assert (seen.rate, seen.good, seen.refused, seen.failed, seen.refused_p50) == (3, 1, 3, 1, 0.002)


def test_of_nothing_nothing_is_read():
    assert flood.read([], 2).rate == 0
