import msgspec
import pytest

from gigaday.model.product import NewProduct, ProductPatch


@pytest.mark.parametrize("kind", [NewProduct, ProductPatch])
def test_attributes_are_of_a_size_that_a_hundred_in_a_list_can_have(kind: type[NewProduct | ProductPatch]) -> None:
    assert msgspec.convert({"name": "a", "attributes": {"text": "x" * 65_000}}, kind).attributes
    with pytest.raises(msgspec.ValidationError, match="65536"):
        msgspec.convert({"name": "a", "attributes": {"text": "x" * 66_000}}, kind)
    assert msgspec.convert({"name": "a", "attributes": {}}, kind).attributes == {}
