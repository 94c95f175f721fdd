"""The figures made of many samples."""

import pytest

from gigaday.lab.chaos.samples import Sample, longest_failing, percentile, slices, statuses


def sample(due: float, status: int = 200, took: float = 0.01) -> Sample:
    return Sample(due, took, "read", status)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (1.0, 100), (0.001, 1)])
def test_percentile_is_a_value_that_was_seen(share, expected):
    assert percentile(range(1, 101), share) == expected


def test_of_nothing_the_percentile_is_nothing():
    assert percentile([], 0.99) == 0


def test_slices_count_by_when_requests_were_due():
    found = slices([sample(0.1), sample(0.4, 503), sample(1.2, took=0.2)], width=0.5)
    assert [(one.at, one.rate, one.errors) for one in found] == [(0, 4, 2), (1.0, 2, 0)]
    assert found[1].p99 == pytest.approx(200)


def test_what_the_client_did_wrong_is_no_error():
    assert not sample(0, 404).is_error and not sample(0, 429).is_error
    assert sample(0, 503).is_error and sample(0, 0).is_error


def test_failures_far_apart_are_not_one_outage():
    failing = [sample(at, 503) for at in (1.0, 1.5, 2.0, 7.0)]
    assert longest_failing(failing) == 1.0
    assert longest_failing([sample(1)]) == 0


def test_statuses_are_told():
    assert statuses([sample(0), sample(1), sample(2, 0)]) == "1 x no answer, 2 x 200"
