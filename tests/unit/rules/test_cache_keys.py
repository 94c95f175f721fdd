from random import Random
from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from gigaday.rules import cache_keys

PAIRS = st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=5)), max_size=6)


@given(PAIRS, st.randoms())
def test_the_order_of_parameters_makes_no_other_key(pairs: list[tuple[str, str]], random: Random) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert cache_keys.canonical(urlencode(pairs).encode()) == cache_keys.canonical(urlencode(shuffled).encode())


@given(PAIRS, PAIRS)
def test_other_parameters_make_another_key(one: list[tuple[str, str]], other: list[tuple[str, str]]) -> None:
    same = cache_keys.canonical(urlencode(one).encode()) == cache_keys.canonical(urlencode(other).encode())
    assert same == (sorted(one) == sorted(other))


def test_one_spelling_stands_for_all() -> None:
    assert cache_keys.canonical(b"a=%62&c=") == cache_keys.canonical(b"c=&a=b") == "a=b&c="
    assert parse_qsl("a=b&c=", keep_blank_values=True) == [("a", "b"), ("c", "")]


def test_what_is_malformed_or_endless_has_no_key() -> None:
    assert cache_keys.canonical(b"a=%ff") is None
    assert cache_keys.canonical("a=é".encode()) is None
    assert cache_keys.canonical(b"a=" + b"x" * 3_000) is None
    assert cache_keys.canonical(b"&".join(b"a=1" for _ in range(100))) is None


def test_tenants_never_share_a_key() -> None:
    assert cache_keys.key("a", "/p", "") != cache_keys.key("b", "/p", "")
