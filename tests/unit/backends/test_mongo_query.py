from gigaday.backends.mongo_query import segments, sort_keys
from gigaday.contracts import Collection, Filter, Query

ITEMS = Collection("items", expires="expiresAt")


def test_a_page_is_one_query_led_by_the_owner() -> None:
    (where,) = segments(ITEMS, "acme", Query((Filter("name", "prefix", "a.*"),)))
    assert where == {"$and": [{"createdBy": "acme"}, {"name": {"$gte": "a.*", "$lt": "a.+"}}]}


def test_an_ascending_page_after_a_null_goes_on_to_the_values() -> None:
    nulls, values = segments(ITEMS, "acme", Query(sort="name", after=(None, "a")))
    assert nulls["$and"][-1] == {"name": {"$eq": None}, "_id": {"$gt": "a"}}
    assert values["$and"][-1] == {"name": {"$ne": None}}


def test_a_descending_page_after_a_value_ends_in_the_nulls() -> None:
    ties, values, nulls = segments(ITEMS, "acme", Query(sort="name", descending=True, after=("x", "a")))
    assert ties["$and"][-1] == {"name": {"$eq": "x"}, "_id": {"$lt": "a"}}
    assert values["$and"][-1] == {"name": {"$lt": "x"}}
    assert nulls["$and"][-1] == {"name": {"$eq": None}}


def test_values_are_compared_never_run_as_operators() -> None:
    (where,) = segments(ITEMS, "acme", Query((Filter("name", "eq", {"$gt": ""}),)))
    assert where["$and"][-1] == {"name": {"$eq": {"$gt": ""}}}


def test_both_sort_keys_point_the_same_way() -> None:
    assert sort_keys(Query(sort="name", descending=True)) == [("name", -1), ("_id", -1)]
    assert sort_keys(Query()) == [("_id", 1)]
