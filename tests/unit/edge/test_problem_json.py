import pytest

from gigaday.edge.problem_json import render
from gigaday.errors import Fault, NotFound


@pytest.mark.parametrize("detail", ["\udcff\ud800", 'a"\\\n\x00', "<script>", "x" * 10_000])
def test_any_detail_can_be_told(detail: str) -> None:
    status, headers, body = render(NotFound(detail, errors=[Fault(detail, detail)], headers={"X-A": detail}), "r")
    assert status == 404 and body.decode()
    assert not any(b"\n" in value or b"\r" in value for _, value in headers)


def test_extra_members_do_not_replace_the_standard_ones() -> None:
    body = render(NotFound(extra={"status": 1, "usedBy": ["a"]}), "r")[2]
    assert b'"status":404' in body and b'"usedBy":["a"]' in body
