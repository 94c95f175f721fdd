import json
from contextlib import suppress
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.errors import BadRequest, Invalid
from gigaday.model.product import NewProduct, ProductPatch
from gigaday.rules import validation


class Free(msgspec.Struct):
    a: Any = None


def pointers(body: object, kind: type = NewProduct) -> list[str]:
    with pytest.raises(Invalid) as caught:
        validation.convert(body, kind)
    return [fault.pointer for fault in caught.value.errors]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"nul", b'{"a":1,"a":2}', b'{"a":{"b":1,"b":1}}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":"\xff"}',
        b'{"a":"\\ud800"}', b"[" * 100_000, b'{"a":1e999}', b"\xef\xbb\xbf{}", b"{} {}",
    ],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused(body):
    with pytest.raises(BadRequest):
        validation.read(body, Free)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"$gt": 1}, "/$gt"), ({"a": {"$where": "x"}}, "/a/$where"), ({"a.b": 1}, "/a.b"), ({"a": "x\0y"}, "/a"),
        ({"a": 2**60}, "/a"), ({"": 1}, "/"), ({"a/b~c": 1}, "/a~1b~0c"),
        ({"a": [{"x" * 65: 1}]}, "/a/0/" + "x" * 65), ({"a": [1, [2, "\0"]]}, "/a/1/1"),
    ],
)  # fmt: skip
def test_what_no_store_keeps_alike_is_refused_where_it_stands(value, pointer):
    with pytest.raises(Invalid) as caught:
        validation.read(json.dumps(value).encode(), Free)
    assert [fault.pointer for fault in caught.value.errors] == [pointer]


def test_deep_nesting_is_refused():
    with pytest.raises(Invalid):
        validation.read(b'{"a":' + b"[" * 40 + b"]" * 40 + b"}", Free)


def test_every_fault_is_reported_at_once():
    body = {"nam": 1, "price": {"amount": "x"}, "mediaIds": ["q"], "status": "zz", "sku": 5}
    assert pointers(body) == ["/name", "/sku", "/status", "/price/amount", "/price/currency", "/mediaIds/0", "/nam"]


@pytest.mark.parametrize("field", ["_id", "createdBy", "version", "createdAt", "updatedAt", "storageKey"])
def test_what_the_server_decides_cannot_be_sent(field):
    assert pointers({"name": "x", field: "y"}) == [f"/{field}"]
    assert pointers({field: "y"}, ProductPatch) == [f"/{field}"]


def test_a_body_that_is_no_object_is_one_fault():
    assert pointers([]) == [""]


def test_absent_and_null_differ_in_a_patch():
    patched = validation.convert({"price": None}, ProductPatch)
    assert patched.price is None
    assert patched.category is not None
    assert pointers({"name": None}, ProductPatch) == ["/name"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(JSON)
def test_any_json_is_taken_or_refused_with_reasons(value):
    with suppress(BadRequest, Invalid):
        validation.read(json.dumps({"name": "x", "attributes": value}).encode(), NewProduct)


def test_a_whole_float_is_an_integer_as_json_schema_has_it():
    assert validation.convert({"name": "x", "price": {"amount": 5.0, "currency": "EUR"}}, NewProduct).price.amount == 5
    assert pointers({"name": "x", "price": {"amount": 5.5, "currency": "EUR"}}) == ["/price/amount"]


def test_a_whole_float_is_folded_only_where_the_type_wants_an_integer():
    body = {"name": "x", "attributes": {"a": 1.0, "b": [2.0], "c": 1e300}}
    converted = validation.convert({**body, "price": {"amount": 5.0, "currency": "EUR"}}, NewProduct)
    assert json.dumps(converted.attributes) == json.dumps(body["attributes"])
    assert pointers({"name": "x", "price": {"amount": 1e300, "currency": "EUR"}}) == ["/price/amount"]


@pytest.mark.parametrize(
    "body",
    [
        {"a": {f"${at}": 1 for at in range(5000)}},
        {"a": {f"${at}" + "k" * 5000: 1 for at in range(500)}},
        {"a": {"." * 500_000: {f"${at}": 1 for at in range(500)}}},
        {"a": ["\0"] * 5000},
    ],
)
def test_the_first_hundred_faults_are_named_and_that_there_are_more(body):
    with pytest.raises(Invalid, match="More than 100") as caught:
        validation.read(json.dumps(body).encode(), Free)
    assert len(caught.value.errors) == validation.MAX_FAULTS
    assert sum(len(fault.pointer + fault.detail) for fault in caught.value.errors) < 100_000


def test_unknown_fields_are_capped_alike_and_sent_text_is_cut():
    with pytest.raises(Invalid, match="More than 100") as caught:
        validation.convert({"status": "s" * 100_000, **{f"f{at}" + "x" * 5000: 1 for at in range(5000)}}, NewProduct)
    assert len(caught.value.errors) == validation.MAX_FAULTS
    assert sum(len(fault.pointer + fault.detail) for fault in caught.value.errors) < 100_000


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "price": {"amount": 1, "currency": "EUR\n"}},
        {"name": "x", "mediaIds": ["0" * 26 + "\n"]},
    ],
)
def test_a_trailing_newline_is_no_part_of_a_pattern(body):
    assert pointers(body) in (["/price/currency"], ["/mediaIds/0"])


def test_nothing_is_walked_for_what_is_of_the_wrong_size():
    class Few(msgspec.Struct):
        rows: Annotated[list[Any], msgspec.Meta(max_length=2)]

    with pytest.raises(Invalid) as caught:
        validation.read(b'{"rows":[{"$":1},{"$":1},{"$":1}]}', Few)
    assert [fault.pointer for fault in caught.value.errors] == ["/rows"]


def test_an_outline_leaves_raw_parts_unread():
    class Parts(msgspec.Struct):
        parts: list[msgspec.Raw]

    assert bytes(validation.outline(b'{"parts":[{"a":1,"a":2}]}', Parts).parts[0]) == b'{"a":1,"a":2}'
    for body, error in (
        (b'{"parts":3}', Invalid),
        (b'{"parts":[}', BadRequest),
        (b'{"parts":[' + b"[" * 100_000, BadRequest),
    ):
        with pytest.raises(error):
            validation.outline(body, Parts)
