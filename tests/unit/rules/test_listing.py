import pytest

from gigaday.contracts import Filter
from gigaday.errors import BadCursor, BadRequest
from gigaday.rules import cursors
from gigaday.rules.listing import Listable, parse, parse_fields

LISTABLE = Listable(
    {"name": "text", "price.amount": "integer", "createdAt": "time", "mediaIds": "array"},
    ("_id", "name", "price.amount"),
    ("_id", "name", "price"),
)


def ask(text: str):
    return parse(text.encode(), LISTABLE, ("acme", "products"), b"key")


def test_nothing_asked_is_the_first_page_by_id():
    query = ask("").query
    assert (query.sort, query.descending, query.limit, query.after, query.filters) == ("_id", False, 20, None, ())


def test_filters_are_typed():
    query = ask("name[prefix]=Tr%C3%A4il&price.amount[gte]=1000&createdAt[lt]=2026-01-01&name[in]=a,b").query
    assert query.filters == (
        Filter("name", "prefix", "Träil"),
        Filter("price.amount", "gte", 1000),
        Filter("createdAt", "lt", "2026-01-01T00:00:00.000Z"),
        Filter("name", "in", ["a", "b"]),
    )


def test_sort_and_fields():
    asked = ask("sort=-name&fields=name,price&limit=7")
    assert (asked.query.sort, asked.query.descending, asked.query.limit) == ("name", True, 7)
    assert asked.fields == ("name", "price")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("limit=0", "1 to 100"), ("limit=101", "1 to 100"), ("limit=x", "integer"), ("limit=1&limit=2", "twice"),
        ("limit=%D9%A1", "integer"), ("sort=secret", "price.amount"), ("fields=digest", "known"),
        ("colour=red", "mediaIds"), ("name[regex]=x", "prefix"), ("price.amount=1e3", "integer"),
        ("price.amount=99999999999999999999", "integer"), ("createdAt[gt]=now", "RFC 3339"),
        ("mediaIds[ne]=x", "eq"), ("name[$gt]=x", "known"), ("name[in]=" + "a," * 200, "100"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named_with_what_would_do(text, named):
    with pytest.raises(BadRequest) as caught:
        ask(text)
    assert named in " ".join(fault.detail for fault in caught.value.errors)


def test_every_fault_is_reported_at_once():
    with pytest.raises(BadRequest) as caught:
        ask("limit=0&sort=x&colour=red")
    assert [fault.pointer for fault in caught.value.errors] == ["?limit", "?sort", "?colour"]


@pytest.mark.parametrize("raw", [b"name=%FF", b"name=\xff", b"name=%00", b"&".join([b"name=a"] * 50)])
def test_what_is_no_text_is_refused(raw):
    with pytest.raises(BadRequest):
        parse(raw, LISTABLE, ("acme", "products"), b"key")


def test_a_cursor_goes_on_only_with_the_same_question():
    asked = ask("sort=name&name[prefix]=a")
    cursor = cursors.make(("abc", "id"), asked.question, b"key")
    assert ask(f"name[prefix]=a&limit=3&sort=name&cursor={cursor}").query.after == ("abc", "id")
    with pytest.raises(BadCursor):
        ask(f"sort=name&name[prefix]=b&cursor={cursor}")
    with pytest.raises(BadCursor):
        ask(f"sort=-name&name[prefix]=a&cursor={cursor}")


def test_of_one_item_only_fields_can_be_asked():
    assert parse_fields(b"fields=name", LISTABLE) == ("name",)
    with pytest.raises(BadRequest):
        parse_fields(b"limit=3", LISTABLE)
