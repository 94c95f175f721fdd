"""The report in short."""

from gigaday.lab.chaos import catalogue, figures
from gigaday.lab.chaos.experiment import Finding, Outcome, Run
from gigaday.lab.chaos.history import Verdict
from gigaday.lab.chaos.samples import Sample


def outcome(name: str, seed: int, *findings: Finding) -> Outcome:
    samples = [Sample(at / 10, 0.02, "read", 200 if at % 50 else 503) for at in range(100)]
    control = Run([Sample(1, 0.01, "read", 200)], 10)
    [experiment] = catalogue.named(name)
    return Outcome(experiment, seed, Run(samples, 10, 2, 7), control, Verdict([], ["a"], [], 17), findings)


def test_a_table_and_the_plots_of_a_few(tmp_path):
    good, bad = Finding("no errors", "none", True), Finding("out within 1 s", "never", False)
    all_ = [outcome("node-freeze", 1, good, bad), outcome("node-freeze", 2, good), outcome("store-slow", 1, good)]
    table = figures.write(all_, tmp_path).read_text()
    assert "| `node-freeze` | 100 | 2 | 10 | 20 | 17 | 0 | 1 | 1 of 2 |" in table
    assert table.count("`node-freeze`") == 3 and "- `node-freeze`: out within 1 s: never" in table
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "node-freeze-rate.svg", "node-freeze-time.svg", "table.md",
    ]  # fmt: skip


def test_where_all_is_as_expected_nothing_else_is_told(tmp_path):
    table = figures.write([outcome("store-slow", 1, Finding("no errors", "none", True))], tmp_path).read_text()
    assert "Not as expected" not in table
