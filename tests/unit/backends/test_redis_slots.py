"""Keys to slots, and what members tell of who serves them."""

import pytest

from gigaday.backends.redis_slots import SLOTS, View, alone, newest, parse, slot_of

NODES = """\
07c3 127.0.0.1:30004@31004,host4 slave 67ed 0 1426238317239 4 connected
67ed 127.0.0.1:30002@31002,host2 master - 0 1426238316232 2 connected 5461-10922 16000
292f 127.0.0.1:30003@31003 master - 0 1426238318243 3 connected 10923-15999 16001-16383 [5461->-67ed]
e7d1 :30001@31001 myself,master - 0 0 7 connected 0-5460
6ec2 127.0.0.1:30009@31009 handshake - 0 0 0 connected
77aa :0@0 master,noaddr - 0 0 1 disconnected
"""


@pytest.mark.parametrize(
    ("key", "slot"),
    [("123456789", 12739), ("foo", 12182), ("{foo}bar", 12182), ("a{foo}{bar}", 12182), ("{}foo", slot_of("{}foo"))],
)
def test_a_key_lies_in_the_slot_that_the_specification_says(key: str, slot: int) -> None:
    assert slot_of(key) == slot


def test_empty_braces_and_open_ones_count_as_text() -> None:
    assert slot_of("{}foo") != slot_of("foo") and slot_of("{foo") != slot_of("foo")


def test_a_member_tells_who_serves_what() -> None:
    view = parse(NODES, ("10.0.0.1", 30001))
    assert view.ranges == (
        (0, 5460, ("10.0.0.1", 30001)),
        (5461, 10922, ("127.0.0.1", 30002)),
        (10923, 15999, ("127.0.0.1", 30003)),
        (16000, 16000, ("127.0.0.1", 30002)),
        (16001, 16383, ("127.0.0.1", 30003)),
    )
    assert view.epoch == 7 and view.covers_all()
    assert {port for _, port in view.members} == {30001, 30002, 30003, 30004}


def test_what_is_no_such_list_is_refused() -> None:
    with pytest.raises(ValueError):
        parse("hello", ("127.0.0.1", 1))


def test_the_newest_view_wins_whoever_gives_it() -> None:
    old, new = (View(epoch, (), frozenset()) for epoch in (4, 5))
    assert newest([old, new]) is newest([new, old]) is new
    assert newest([]) is None


def test_a_redis_that_is_no_cluster_serves_everything() -> None:
    assert alone(("127.0.0.1", 6379)).covers_all()
    assert alone(("127.0.0.1", 6379)).ranges[0][:2] == (0, SLOTS - 1)
