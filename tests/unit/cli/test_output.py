"""A table for people, JSON for programs."""

import io
import json

import pytest

from gigaday.cli.output import show


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


ROWS = [{"_id": "a", "plan": "free"}, {"_id": "b", "settings": {"x": 1}}]


def test_piped_output_is_json() -> None:
    out = io.StringIO()
    show(ROWS, out=out)
    assert json.loads(out.getvalue()) == ROWS


def test_json_on_a_terminal_when_asked() -> None:
    out = Terminal()
    show({"name": "Stühle"}, True, out)
    assert json.loads(out.getvalue()) == {"name": "Stühle"}
    assert "Stühle" in out.getvalue()


def test_a_terminal_gets_a_table_of_all_columns() -> None:
    out = Terminal()
    show(ROWS, out=out)
    for text in ("_id", "plan", "settings", "free", '{"x": 1}'):
        assert text in out.getvalue()


def test_people_read_what_a_row_is_told_as_and_programs_the_row_itself() -> None:
    terminal, piped = Terminal(), io.StringIO()
    for out in (terminal, piped):
        show(ROWS, out=out, told=lambda row: {"tenant": row["_id"].upper()})
    assert "A" in terminal.getvalue()
    assert "plan" not in terminal.getvalue()
    assert json.loads(piped.getvalue()) == ROWS


def test_one_thing_is_shown_by_field() -> None:
    out = Terminal()
    show({"_id": "acme", "expiresAt": None}, out=out)
    assert "acme" in out.getvalue()
    assert "None" not in out.getvalue()


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/nothing]"])
def test_values_are_not_taken_for_markup(text: str) -> None:
    out = Terminal()
    show({"name": text}, out=out)
    assert text in out.getvalue()


def test_an_empty_list_says_so() -> None:
    out = Terminal()
    show([], out=out)
    assert "none" in out.getvalue()
