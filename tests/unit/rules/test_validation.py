import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.errors import BadRequest, Invalid
from gigaday.model.product import NewProduct, ProductPatch
from gigaday.rules import validation


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
        validation.parse(body)


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ({"$gt": 1}, "/$gt"), ({"a": {"$where": "x"}}, "/a/$where"), ({"a.b": 1}, "/a.b"), ({"a": "x\0y"}, "/a"),
        ({"a": 2**60}, "/a"), ({"": 1}, "/"), ({"a/b~c": 1}, "/a~1b~0c"), ([{"x" * 65: 1}], "/0/" + "x" * 65),
    ],
)  # fmt: skip
def test_what_no_store_keeps_alike_is_refused_where_it_stands(value, pointer):
    with pytest.raises(Invalid) as caught:
        validation.parse(json.dumps(value).encode())
    assert [fault.pointer for fault in caught.value.errors] == [pointer]


def test_deep_nesting_is_refused():
    with pytest.raises(Invalid):
        validation.parse(b"[" * 40 + b"]" * 40)


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
        validation.convert(validation.parse(json.dumps(value).encode()), NewProduct)


def test_a_whole_float_is_an_integer_as_json_schema_has_it():
    assert validation.convert({"name": "x", "price": {"amount": 5.0, "currency": "EUR"}}, NewProduct).price.amount == 5
    assert pointers({"name": "x", "price": {"amount": 5.5, "currency": "EUR"}}) == ["/price/amount"]
