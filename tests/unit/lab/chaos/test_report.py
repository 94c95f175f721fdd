"""The pages of a report."""

import json

from gigaday.lab.chaos import catalogue, report
from gigaday.lab.chaos.experiment import Finding, Outcome, Run
from gigaday.lab.chaos.history import Verdict
from gigaday.lab.chaos.samples import Sample


def outcome(*findings: Finding) -> Outcome:
    samples = [Sample(at / 10, 0.01, "read", 200 if at % 50 else 503) for at in range(100)]
    [experiment] = catalogue.named("node-crash")
    counted = {"shed": 3.0, "aborted": 0.0}
    run, control = Run(samples, 10, 2, 7, ["the node is <b>node-1</b>"], counted=counted), Run(samples, 10)
    return Outcome(experiment, 3, run, control, Verdict([], ["s-1: a, b"], [], 17), findings)


def test_it_has_a_page_for_each_and_an_index(tmp_path):
    good, bad = Finding("no errors", "0 of 9", True, "0"), Finding("p99 <= 1 ms", "2 ms <", False, "1 ms")
    index = report.write([outcome(good, bad)], tmp_path)
    page = (tmp_path / "node-crash-3.html").read_text()
    assert page.count("<svg") == 2 and "fault begins" in page
    for text in (page, index.read_text()):
        assert "no errors" in text and "2 ms &lt;" in text and text.count('class="no"') == 1
    assert "node-1" in page and "<b>node-1" not in page
    kept = json.loads((tmp_path / "node-crash-3.json").read_text())
    assert (kept["doubled"], kept["acknowledged"], kept["passed"]) == (["s-1: a, b"], 17, False)
    assert [line["failed"] for line in json.loads((tmp_path / "index.json").read_text())] == ["p99 <= 1 ms: 2 ms <"]


def test_plots_show_the_fault_where_it_was(tmp_path):
    report.write([outcome()], tmp_path)
    assert "0 of 1" not in (tmp_path / "index.html").read_text()
    kept = json.loads((tmp_path / "node-crash-3.json").read_text())
    assert (kept["fault"], kept["rollback"]) == (2, 7)
    assert kept["counted"] == {"shed": 3}
    assert sum(one["errors"] for one in kept["slices"]) == 4
