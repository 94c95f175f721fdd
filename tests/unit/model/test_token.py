import msgspec
import pytest

from gigaday.model.tenant import NewTenant
from gigaday.model.token import NewToken, readable


def test_what_is_published_may_read_but_not_tokens():
    assert readable(["products:read", "products:write", "tokens:read", "media:read"]) == ("products:read", "media:read")


@pytest.mark.parametrize(
    ("kind", "value"),
    [(NewToken, {"name": "x", "scopes": ["products:read\n"]}), (NewTenant, {"id": "acme\n", "name": "Acme"})],
)
def test_a_trailing_newline_is_no_part_of_a_pattern(kind, value):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, kind)
