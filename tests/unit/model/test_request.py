import pytest

from gigaday.model.request import KEY, RequestState, state_of


def test_the_state_lies_in_the_scope():
    state = RequestState("r", 0.0)
    assert state_of({KEY: state}) is state


def test_without_it_the_stage_that_makes_it_is_missing():
    with pytest.raises(KeyError):
        state_of({})


def test_no_two_requests_share_headers():
    one, two = RequestState("a", 0.0), RequestState("b", 0.0)
    one.headers.append((b"x", b"y"))
    assert two.headers == []
