"""What each expectation accepts and refuses."""

import pytest

from gigaday.lab.chaos import expectations as expect
from gigaday.lab.chaos.experiment import Run
from gigaday.lab.chaos.samples import Sample

CONTROL = Run([Sample(at / 10, 0.01, "read", 200) for at in range(200)], 20)


def run(*samples: Sample) -> Run:
    return Run(samples, 20, fault=5, rollback=15)


def read(due: float, status: int = 200, took: float = 0.01, **more) -> Sample:
    return Sample(due, took, "read", status, **more)


def write(due: float, status: int = 201, took: float = 0.01, **more) -> Sample:
    return Sample(due, took, "create", status, **more)


CASES = [
    (expect.no_errors("read"), [read(6), write(6, 503)], [read(6, 503)]),
    (expect.no_errors("read", at_most=1), [read(6, 0)], [read(6, 0), read(7, 0)]),
    (expect.served(0.5, "read"), [read(6), read(6, 0)], [read(6), read(6, 0), read(7, 0)]),
    (expect.errors_last_at_most(1), [read(6, 0), read(6.9, 0)], [read(6, 0), read(6.9, 0), read(7.2, 0)]),
    (expect.slowest(0.99, 0.5, "read", after=2), [read(6, took=3), read(8)], [read(8, took=0.6)]),
    (expect.slower_by_at_most(0.05, 0.99, "read"), [read(6, took=0.05)], [read(6, took=0.07)]),
    (expect.answered_with(503, "read_only", "create"), [write(7, 503, code="read_only")], [write(7, 503, code="x")]),
    (expect.all_refused(503, "create"), [write(7, 503), write(5.5)], [write(7, 503), write(7)]),
    (expect.degraded("read"), [read(7, degraded="database"), read(8)], [read(7), read(16, degraded="database")]),
    (expect.recovered_within(2), [read(16, 503), read(18)], [read(17.5, 503)]),
    (expect.writable_within(5), [write(6), write(10), write(14)], [write(6), write(12)]),
    (expect.few_attempts(1.5), [write(6, attempts=2), read(6)], [write(6, attempts=3), read(6)]),
    (expect.refused_quickly(0.5, 0.005), [read(6, 503, took=0.001)], [read(6, 429, took=0.1), read(7, took=0)]),
    (expect.well_told(), [read(6, 503)], [read(6, 503, faults=("503 without Retry-After",))]),
]


@pytest.mark.parametrize("case", range(len(CASES)))
def test_it_accepts_and_refuses(case):
    judge, good, bad = CASES[case]
    accepted, refused = judge(run(*good), CONTROL), judge(run(*bad), CONTROL)
    assert accepted.holds, accepted
    assert not refused.holds, refused
    assert refused.expected == accepted.expected and refused.seen
