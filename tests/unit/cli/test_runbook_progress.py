"""What a person sees of a procedure while it runs."""

import pytest

from gigaday.cli.runbook_progress import Progress
from gigaday.ops.runbook import Told


def test_each_step_is_a_line_of_its_own_on_the_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        progress.tell(Told("close the valve", "it leaks", "working"))
        progress.tell(Told("close the valve", "it leaks", "done", "valve [open] -> [shut]"))
        progress.tell(Told("open the other", "it is dry", "failed", "stuck"))
        progress.ask("Bring a wrench " + "now " * 50)
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert lines[:2] == ["✔ close the valve: valve [open] -> [shut]", "✖ open the other: stuck"]
    assert len(lines) == 3


def test_a_plan_tells_why(capsys: pytest.CaptureFixture[str]) -> None:
    Progress(explain=True).tell(Told("close the valve", "it leaks", "planned"))
    assert capsys.readouterr().err.splitlines() == ["· close the valve", "  it leaks"]
