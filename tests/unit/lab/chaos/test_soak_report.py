"""A soak as rows and as a page."""

import json
from dataclasses import replace

from gigaday.lab.chaos import soak_report
from gigaday.lab.chaos.history import Verdict
from gigaday.lab.chaos.samples import Sample
from gigaday.lab.chaos.soak import Round, Soak

ROUNDS = [Round("node-crash", 5, 11, 300, 0), Round("<redis>", 20, 26.5, 280, 1)]
SAMPLES = [Sample(at / 10, 0.01, "read", 200 if at else 503) for at in range(300)]
SEEN = Soak(7, 90, ROUNDS, 580, 1, Verdict([], ["s-1"], [], 40), "", SAMPLES)


def test_every_fault_has_a_row():
    assert [(row["fault"], row["lasted"], row["lost"]) for row in soak_report.rows(SEEN)] == [
        ("node-crash", "6.0 s", 0),
        ("<redis>", "6.5 s", 1),
    ]


def test_it_is_told_in_sentences():
    text = soak_report.told(SEEN)
    assert "99.8276% of 580 reads" in text and "1.5 minutes with 2 faults, seed 7" in text and "1 done twice" in text
    assert "ended early" not in text


def test_why_it_ended_early_is_told(tmp_path):
    page = soak_report.write(replace(SEEN, wrong="no <node>"), tmp_path).read_text()
    assert "It ended early: no &lt;node&gt;." in page


def test_the_page_shows_all_of_it(tmp_path):
    page = soak_report.write(SEEN, tmp_path).read_text()
    assert page.count("<svg") == 1 and "a fault begins" in page and "&lt;redis&gt;" in page
    kept = json.loads((tmp_path / "soak-7.json").read_text())
    assert kept["passed"] is False and len(kept["rounds"]) == 2 and kept["verdict"]["doubled"] == ["s-1"]
