import math
from contextvars import copy_context

from gigaday.model.request import CURRENT, RequestState, idle, note_receipt, time_left


def test_a_request_hands_its_deadline_down() -> None:
    def within() -> list[float]:
        CURRENT.set(RequestState("r", 0.0, deadline=100.0))
        return [time_left(now, 5.0) for now in (90.0, 98.0, 99.99, 200.0)]

    assert copy_context().run(within) == [5.0, 2.0, 0.05, 0.05]


def test_outside_a_request_and_before_a_deadline_is_set_all_the_time_is_left() -> None:
    assert time_left(0.0, 5.0) == 5.0
    assert RequestState("r", 0.0).deadline == math.inf


def test_an_answer_carries_the_receipt_of_the_latest_write_alone() -> None:
    def within() -> list[tuple[bytes, bytes]]:
        state = RequestState("r", 0.0, headers=[(b"x", b"1")])
        CURRENT.set(state)
        for token in ("n.1", "n.2", ""):
            note_receipt(token)
        return state.headers

    assert copy_context().run(within) == [(b"x", b"1"), (b"x-consistency-token", b"n.2")]
    note_receipt("n.3")


def test_who_waits_for_anothers_work_outside_a_request_tells_nobody() -> None:
    with idle():
        pass
