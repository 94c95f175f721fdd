from gigaday.contracts import Policy
from gigaday.limiting.shares import LocalShares

SHARE = Policy("p", quota=10, window=100)


def admitted(shares, now, times=20, key="k"):
    return sum(shares.take(key, SHARE, 1, now).allowed for _ in range(times))


def test_a_share_is_a_bucket_of_its_own():
    shares = LocalShares()
    assert [admitted(shares, 0.0), admitted(shares, 30.0), admitted(shares, 0.0, key="other")] == [10, 3, 10]


def test_an_outage_begins_no_fuller_than_the_limit_was():
    shares = LocalShares()
    shares.start("k", SHARE, 2.5, 0.0)
    assert admitted(shares, 0.0) == 2


def test_the_next_outage_does_not_fill_an_emptied_share():
    shares = LocalShares()
    assert admitted(shares, 0.0) == 10
    shares.start("k", SHARE, 10.0, 20.0)
    assert admitted(shares, 20.0) == 2


def test_what_is_full_is_forgotten_and_the_rest_kept():
    shares = LocalShares()
    admitted(shares, 0.0, key="early")
    admitted(shares, 60.0, key="late")
    shares.forget_full(50.0)
    assert len(shares) == 2
    shares.forget_full(100.0)
    assert len(shares) == 1
    assert admitted(shares, 100.0, key="late") == 4


def test_memory_is_bounded():
    shares = LocalShares(most=50)
    for at in range(500):
        shares.take(f"k{at}", SHARE, 1, 0.0)
    assert len(shares) == 50
