import pytest

from gigaday.edge.request_ids import chosen


@pytest.mark.parametrize("given", ["a", "0b1c-22_x.y", "x" * 64])
def test_a_harmless_name_is_kept(given: str) -> None:
    assert chosen(given, lambda: "made") == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\nb", "<script>", "é"])
def test_any_other_is_replaced(given: str) -> None:
    assert chosen(given, lambda: "made") == "made"
