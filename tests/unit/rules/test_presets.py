import pytest

from gigaday.contracts import ImageSpec
from gigaday.errors import NotFound
from gigaday.rules import presets


def pointers(value) -> list[str]:
    return [fault.pointer for fault in presets.faults(value, "/settings/presets")]


def test_everyone_has_some():
    assert presets.find("thumb", {}) == ImageSpec(width=160, height=160, fit="cover")
    assert {"thumb", "small", "medium", "large"} == set(presets.of({"presets": None}))


def test_a_tenant_adds_its_own_and_may_replace_one():
    settings = {
        "presets": {"hero": {"width": 1200, "height": 400, "focus": {"x": 0.5, "y": 0}}, "thumb": {"width": 64}}
    }
    assert presets.find("hero", settings).focus is not None
    assert presets.find("thumb", settings) == ImageSpec(width=64)
    assert presets.find("small", settings) == presets.BUILT_IN["small"]


def test_one_that_there_is_not_is_answered_with_those_there_are():
    with pytest.raises(NotFound, match="known: thumb, small, medium, large, hero"):
        presets.find("x" * 10_000, {"presets": {"hero": {"width": 4}}})


@pytest.mark.parametrize(("wrong", "at"), [
    ([], ""), ({"A": {}}, "/A"), ({"a b": {}}, "/a b"), ({"": {}}, "/"), ({"a": 1}, "/a"),
    ({"a": {"width": 0}}, "/a/width"),
    ({"a": {"width": 4, "colour": 1}}, "/a/colour"), ({"a": {"width": 4000, "dpr": 2}}, "/a/width"),
    ({"a": {"focus": {"x": 0}}}, "/a/focus/y"), ({"a": {"format": "gif"}}, "/a/format"),
    ({f"p{n}": {} for n in range(21)}, ""),
])  # fmt: skip
def test_what_is_wrong_is_named_where_it_stands(wrong, at):
    assert pointers(wrong) == ["/settings/presets" + at]
    assert presets.of({"presets": wrong}) == presets.BUILT_IN


def test_twenty_are_not_too_many():
    assert pointers({f"p{n}": {"width": 4} for n in range(20)}) == []
