"""What `gigaday lab autoscale` says and refuses; tests/live/test_autoscale.py runs it."""

from pathlib import Path

import pytest
from cyclopts import App

from gigaday.cli import lab_autoscale
from gigaday.errors import BadRequest
from gigaday.lab.laboratory import Lab
from gigaday.lab.member import LabError
from gigaday.ops.autoscale import Decision, Seen


@pytest.mark.parametrize(
    ("decision", "line"),
    [
        (Decision(Seen(3, 28), 3, "as needed"), "      3 nodes     28 in flight  as needed"),
        (Decision(Seen(3, 75), 8, "75 need 8"), " 3 -> 8 nodes     75 in flight  75 need 8"),
        (Decision(None, None, "left as it is", failed=True), "left as it is"),
    ],
)
def test_each_decision_is_a_line(decision: Decision, line: str) -> None:
    assert lab_autoscale.line(decision) == line


def run(*words: str) -> None:
    app = App()
    lab_autoscale.register(app)
    app(["autoscale", *words], exit_on_error=False, result_action="return_value")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--min", "5", "--max", "4"], "fewest"),
        (["--target", "0"], "above 0"),
        (["--every", "7s"], "every 6 s or more often"),
    ],
)
def test_what_cannot_be_kept_is_refused(tmp_path: Path, words: list[str], complaint: str) -> None:
    Lab(tmp_path).learn()
    with pytest.raises(BadRequest, match=complaint):
        run(*words, "--dir", str(tmp_path))


def test_without_a_laboratory_nothing_is_watched(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="gigaday lab up"):
        run("--dir", str(tmp_path))
