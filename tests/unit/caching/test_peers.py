"""Tests of `caching.peers`."""

from gigaday.caching.announcement import Announcement, Receipt
from gigaday.caching.peers import Peers


def heartbeat(seq: int, node: str = "n2", **more: object) -> Announcement:
    return Announcement(node, seq, 0.0, **more)


def tagged(seq: int, node: str = "n2") -> Announcement:
    return Announcement(node, seq, 0.0, ("acme",))


def test_announcements_in_order_leave_no_gap() -> None:
    peers = Peers()
    assert not any(peers.hear(said, 1.0) for said in (heartbeat(0), tagged(1), heartbeat(1), tagged(2), tagged(3)))


def test_a_missed_announcement_shows_in_the_next_one_and_in_the_next_heartbeat() -> None:
    for said in (tagged(3), heartbeat(2)):
        peers = Peers()
        assert not peers.hear(tagged(1), 1.0)
        assert peers.hear(said, 1.0)
        assert not peers.hear(heartbeat(said.seq), 1.0)


def test_whoever_is_met_in_the_middle_of_its_talk_has_said_something_that_was_missed() -> None:
    assert Peers().hear(heartbeat(1), 1.0)
    assert Peers().hear(tagged(2), 1.0)
    assert not Peers().hear(tagged(1), 1.0)


def test_what_comes_twice_is_no_gap() -> None:
    peers = Peers()
    assert not any(peers.hear(said, 1.0) for said in (tagged(1), tagged(2), tagged(1), heartbeat(2)))


def test_the_silent_are_told_from_the_live() -> None:
    peers = Peers()
    peers.hear(heartbeat(0, "n2"), 1.0)
    peers.hear(heartbeat(0, "n3"), 2.0)
    assert peers.heard_by(9.0) == 1.0
    assert (peers.live(1.5), peers.silent(1.5)) == (["n3"], ["n2"])
    assert Peers().heard_by(9.0) == 9.0


def test_what_peers_owe_is_known_until_they_owe_it_no_more_and_handed_over_when_they_leave() -> None:
    peers = Peers()
    peers.hear(heartbeat(0, "n2", owed=("a", "b")), 1.0)
    peers.hear(heartbeat(0, "n3", owed=("b",)), 1.0)
    assert peers.owed == {"a", "b"}
    peers.hear(heartbeat(0, "n3"), 1.0)
    assert peers.leave("n2") == ("a", "b")
    assert peers.owed == frozenset()


def test_a_receipt_is_seen_once_its_publisher_was_heard_that_far_even_after_it_left() -> None:
    peers = Peers()
    assert not peers.seen(Receipt("n2", 0))
    peers.hear(tagged(1), 1.0)
    assert peers.seen(Receipt("n2", 1)) and not peers.seen(Receipt("n2", 2))
    peers.leave("n2")
    assert peers.seen(Receipt("n2", 1)) and not peers.seen(Receipt("n2", 2))


def test_peers_are_awaited_until_they_are_heard_or_leave() -> None:
    peers = Peers()
    for node in ("n2", "n3"):
        peers.hear(heartbeat(0, node), 1.0)
    peers.await_all()
    peers.hear(heartbeat(0, "n2"), 2.0)
    assert peers.any_awaited()
    peers.leave("n3")
    assert not peers.any_awaited()


def test_an_announcement_is_acknowledged_when_all_who_still_live_say_so() -> None:
    peers = Peers()
    peers.hear(heartbeat(0, "n2", acks={"n1": 5}), 1.0)
    peers.hear(heartbeat(0, "n3", acks={"n1": 4}), 1.0)
    assert not peers.acknowledged(Receipt("n1", 5), ["n2", "n3"])
    peers.leave("n3")
    assert peers.acknowledged(Receipt("n1", 5), ["n2", "n3"])
