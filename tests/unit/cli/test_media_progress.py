import io

import pytest

from gigaday.cli.media_progress import bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_nothing_is_shown_where_nobody_looks() -> None:
    err = io.StringIO()
    with bar("verifying", 10, "bytes", err) as shown:
        shown.advance(10)
    assert err.getvalue() == ""
    assert shown.done == 10


@pytest.mark.parametrize(("unit", "told"), [("bytes", "3.0/3.0 MB"), ("items", "3000000/3000000")])
def test_what_is_done_is_shown_on_a_terminal(unit: str, told: str) -> None:
    err = Terminal()
    with bar("verifying", 3_000_000, unit, err) as shown:
        shown.advance(1_000_000)
        shown.advance(2_000_000)
    assert "verifying" in err.getvalue()
    assert told.split("/")[0] in err.getvalue()
