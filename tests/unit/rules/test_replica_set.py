"""Which losses a replica set survives."""

import pytest

from gigaday.rules.replica_set import Member, spare, write_majority


def members(data: int, arbiters: int = 0, down: int = 0) -> list[Member]:
    holders = [Member(f"d{at}", alive=at >= down) for at in range(data)]
    return holders + [Member(f"a{at}", arbiter=True) for at in range(arbiters)]


@pytest.mark.parametrize(
    ("data", "arbiters", "majority", "losses"),
    [(1, 0, 1, 0), (3, 0, 2, 1), (2, 1, 2, 0), (3, 1, 3, 0), (4, 1, 3, 1), (5, 0, 3, 2)],
)
def test_how_many_members_a_whole_set_can_lose(data: int, arbiters: int, majority: int, losses: int) -> None:
    assert write_majority(members(data, arbiters)) == majority
    assert spare(members(data, arbiters)) == losses


def test_a_set_that_has_lost_one_can_lose_no_other() -> None:
    assert spare(members(3, down=1)) == 0
    assert spare(members(3, arbiters=1, down=1)) == -1


def test_members_without_a_vote_do_not_count() -> None:
    assert spare([*members(3), Member("reporting", votes=0)]) == 1
