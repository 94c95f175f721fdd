from itertools import count

import pytest

from gigaday.rules import object_keys, storage_keys
from gigaday.rules.storage_keys import Place, original_of, place, storage_key, variants_of

ID = "01j000000000000000000000zz"


def test_a_key_tells_whose_it_is_and_is_one_that_every_store_takes() -> None:
    key = storage_key("acme", ID, lambda size: "ab" * size)
    assert key == f"media/acme/zz/{ID}-{'ab' * 8}"
    assert object_keys.check(key) == key
    assert place(key) == Place("acme", ID)


def test_two_attempts_at_one_medium_have_each_their_own() -> None:
    numbers = count()
    assert storage_key("acme", ID, lambda size: str(next(numbers))) != storage_key("acme", ID, lambda size: "1")
    assert storage_key("acme", ID) != storage_key("acme", ID)


def test_keys_of_before_they_had_an_attempt_are_known() -> None:
    assert place(f"media/demo/zz/{ID}") == Place("demo", ID)


@pytest.mark.parametrize(
    "key", ["", "media/acme", f"media/acme/zz/{ID}-a/b", f"variants/acme/zz/{ID}-a", "media/a/zz/x"]
)
def test_other_keys_are_no_medium_s(key: str) -> None:
    assert place(key) is None


def test_variants_lie_under_a_prefix_of_their_original_and_of_no_other() -> None:
    key, longer = f"media/acme/zz/{ID}-a", f"media/acme/zz/{ID}-ab"
    assert original_of(variants_of(key) + "w400.webp") == key
    assert not variants_of(longer).startswith(variants_of(key))
    assert variants_of(key).startswith(storage_keys.VARIANTS)
