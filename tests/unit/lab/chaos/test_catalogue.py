"""The experiments that there are."""

import pytest

from gigaday.errors import BadRequest
from gigaday.lab.chaos import catalogue


def test_every_experiment_says_what_it_does_and_what_it_expects():
    assert len(catalogue.named("all")) == len(catalogue.EXPERIMENTS) >= 20
    for one in catalogue.named("all"):
        assert one.title and one.expectations and (one.fault.__doc__ or "").strip()


def test_a_wrong_name_is_told_the_nearest():
    with pytest.raises(BadRequest, match="did you mean node-crash"):
        catalogue.named("node-crsh")
