"""What each expectation of the balancer and of counters accepts and refuses."""

import pytest

from gigaday.lab.chaos import fleet_expectations as expect
from gigaday.lab.chaos.experiment import Run
from gigaday.lab.chaos.samples import Sample
from gigaday.lab.chaos.tenants import GREEDY
from gigaday.lab.chaos.watch import Glance

ALL = frozenset({"node-1", "node-2", "node-3"})
CONTROL = Run([Sample(at / 10, 0.01, "read", 200, hit=True) for at in range(200)], 20)


def run(*samples: Sample, glances=(), **counted: float) -> Run:
    seen = [Glance(1, ALL), *(Glance(at, ALL - set(gone)) for at, *gone in glances)]
    return Run(samples, 20, fault=5, rollback=15, hit="node-2", glances=seen, counted=counted)


def reads(count: int, kind: str = "read", at: float = 12, **more) -> list[Sample]:
    return [Sample(at, 0.01, kind, 200, **more)] * count


CASES = [
    (expect.out_within(1), run(glances=[(5.5,), (5.9, "node-2")]), run(glances=[(5.5,), (6.5, "node-2")])),
    (expect.out_within(1), run(glances=[(5.9, "node-2")]), run(glances=[(4, "node-2"), (16, "node-2")])),
    (expect.out_within(1), run(glances=[(5.9, "node-2")]), run(glances=[(5.9, "node-1")])),
    (
        expect.only_that_one_out(), run(glances=[(6, "node-2"), (16, "node-1")]),
        run(glances=[(6, "node-2"), (7, "node-2", "node-1"), (8,)]),
    ),
    (expect.limits_hold(2), run(*reads(200, GREEDY)), run(*reads(201, GREEDY))),
    (expect.limits_hold(2), run(*reads(1, GREEDY)), run(*reads(50))),
    (
        expect.hits_back(0.9, 5), run(*reads(9, hit=True), *reads(1), *reads(9, at=6)),
        run(*reads(8, hit=True), *reads(2)),
    ),
    (expect.counted_at_most("silent", 0, "answers"), run(silent=0), run(silent=1)),
    (expect.counted_at_most("silent", 0, "answers"), run(silent=0), run()),
    (expect.counted_at_least("arrived", 0.9, "arrives"), run(arrived=0.9), run(arrived=0.8)),
    (expect.goodput_kept(0.9), run(peak=100, good=90), run(peak=100, good=89)),
    (expect.goodput_kept(0.9), run(peak=100, good=90), run()),
    (
        expect.calm_after("over", 2), run(Sample(8.9, 1, "read", 503), over=2),
        run(Sample(9.1, 1, "read", 503), over=2),
    ),
    (expect.one_load_each(), run(**{expect.LOADS: 30, "rounds": 10}), run(**{expect.LOADS: 31, "rounds": 10})),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(CASES)))
def test_it_accepts_and_refuses(case):
    judge, good, bad = CASES[case]
    accepted, refused = judge(good, CONTROL), judge(bad, CONTROL)
    assert accepted.holds, accepted
    assert not refused.holds, refused
    assert refused.expected == accepted.expected and refused.seen
