"""What a soak is judged by."""

from dataclasses import replace

import pytest

from gigaday.lab.chaos import catalogue, soak
from gigaday.lab.chaos.history import Verdict
from gigaday.lab.chaos.soak import Soak

WHOLE = Soak(1, 60, [], 20_000, 2, Verdict([], [], [], 9), "", [])


def test_one_read_in_ten_thousand_may_be_lost():
    assert WHOLE.passed and WHOLE.share == 0.9999
    assert not replace(WHOLE, lost=3).passed
    assert not replace(WHOLE, reads=0).passed


@pytest.mark.parametrize("verdict", [Verdict(["a"], [], [], 9), Verdict([], ["a"], [], 9), Verdict([], [], ["a"], 9)])
def test_writes_count_whatever_the_reads(verdict):
    assert not replace(WHOLE, verdict=verdict).passed


def test_one_that_ended_early_has_shown_nothing():
    assert not replace(WHOLE, wrong="not running: node-1").passed


def test_its_faults_are_experiments():
    assert all(catalogue.named(name) for name in soak.FAULTS)
