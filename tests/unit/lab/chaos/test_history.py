"""What the history checker calls lost and doubled."""

from gigaday.lab.chaos.history import History


def product(id: str, sku: str, version: int = 1) -> dict:
    return {"_id": id, "sku": sku, "version": version}


def history() -> History:
    made = History(tried={"a", "b"})
    made.acknowledged("a", "1")
    return made


def test_what_was_promised_and_is_there_is_well():
    verdict = history().judge([product("1", "a")])
    assert (verdict.lost, verdict.doubled, verdict.acknowledged) == ([], [], 1)


def test_a_promise_that_is_not_there_is_lost():
    assert history().judge([]).lost == ["a (1)"]


def test_another_product_of_the_same_sku_does_not_keep_the_promise():
    assert history().judge([product("2", "a")]).lost == ["a (1)"]


def test_two_of_one_creation_are_a_double_even_where_none_was_promised():
    verdict = history().judge([product("1", "a"), product("2", "b"), product("3", "b")])
    assert verdict.doubled == ["b: 2, 3"] and not verdict.lost


def test_what_was_tried_and_never_answered_may_be_there_or_not():
    assert not history().judge([product("1", "a"), product("2", "b")]).doubled


def test_a_retry_that_is_answered_with_another_id_is_a_double():
    made = history()
    made.acknowledged("a", "1")
    assert not made.judge([product("1", "a")]).doubled
    made.acknowledged("a", "9")
    assert made.judge([product("1", "a")]).doubled == ["a was answered as 1, then as 9"]


def test_changes_are_counted_by_the_version():
    made = history()
    made.changed["1"], made.unsure["1"] = 3, 1
    assert made.judge([product("1", "a", 3)]).lost
    for version in (4, 5):
        verdict = made.judge([product("1", "a", version)])
        assert not verdict.lost and not verdict.doubled
    assert made.judge([product("1", "a", 6)]).doubled


def test_a_read_of_less_than_the_own_write_is_stale():
    made = history()
    made.read("1", 4, due=4)
    made.read("1", 5, due=4)
    assert not made.judge([product("1", "a")]).stale
    made.read("1", 3, due=4)
    assert len(made.judge([product("1", "a")]).stale) == 1
