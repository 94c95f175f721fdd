import pytest

from gigaday.rules.tabular import columns, flatten, unflatten, without_server_made

FIELDS = ("_id", "name", "category", "price", "attributes", "mediaIds", "version")


def test_a_price_takes_two_columns_and_nested_data_is_json():
    document = {"_id": "1", "name": "Stool", "category": None, "price": {"amount": 4900, "currency": "EUR"},
                "attributes": {"h": 75}, "mediaIds": [], "version": 3}  # fmt: skip
    header = columns(FIELDS)
    assert header == ["_id", "name", "category", "price.amount", "price.currency", "attributes", "mediaIds", "version"]
    assert flatten(document, header) == ["1", "Stool", "", "4900", "EUR", '{"h":75}', "[]", "3"]


@pytest.mark.parametrize(
    "name", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "\n=1", "\n", "'=1", "''-x", "plain", "'quoted'", "a=b"]
)
def test_a_cell_is_never_a_formula_and_reads_back_as_it_was(name):
    [cell] = flatten({"name": name}, ["name"])
    assert cell[0] not in "=+-@\t\r\n"
    assert unflatten({"name": cell}) == {"name": name}


def test_what_is_written_reads_back_as_a_product():
    product = {
        "name": "a",
        "price": {"amount": 1, "currency": "EUR"},
        "attributes": {"a": [1, {"b": "=x"}]},
        "mediaIds": [],
    }
    header = columns(tuple(product))
    assert unflatten(dict(zip(header, flatten(product, header), strict=True))) == product


def test_attributes_may_have_columns_of_their_own():
    assert unflatten({"name": "a", "attributes.upc": "012"}) == {"name": "a", "attributes": {"upc": "012"}}


def test_cells_that_cannot_be_read_are_faults_by_column():
    faults = unflatten({"price.amount": "49.00", "attributes": "{", "name": "a"})
    assert [fault.pointer for fault in faults] == ["/price/amount", "/attributes"]


def test_what_the_server_makes_is_left_out():
    assert without_server_made({"_id": "1", "name": "a", "version": 1, "createdBy": "t"}) == {"name": "a"}
