"""A soak as rows, and as a page."""

from html import escape
from pathlib import Path

import msgspec

from gigaday.lab.chaos import pages, plots
from gigaday.lab.chaos.samples import slices
from gigaday.lab.chaos.soak import SHARE, Soak


def rows(soak: Soak) -> list[dict[str, object]]:
    """One for each fault."""
    return [
        {"at": f"{one.begun:.0f} s", "fault": one.fault, "lasted": f"{one.ended - one.begun:.1f} s", "reads": one.reads,
         "lost": one.lost}
        for one in soak.rounds
    ]  # fmt: skip


def told(soak: Soak) -> str:
    """All of it in a sentence or two."""
    verdict = soak.verdict
    minutes, faults = soak.seconds / 60, len(soak.rounds)
    lost, doubled, stale = len(verdict.lost), len(verdict.doubled), len(verdict.stale)
    text = (
        f"{soak.share:.4%} of {soak.reads:,} reads were served ({soak.lost} were not) in {minutes:.1f} minutes with "
        f"{faults} faults, seed {soak.seed}; at least {SHARE:.2%} are expected."
    )
    writes = (
        f"Of {verdict.acknowledged:,} acknowledged writes {lost} were lost and {doubled} done twice; {stale} own "
        "writes were not read."
    )
    return f"{text} {writes}" + (f" It ended early: {soak.wrong}." if soak.wrong else "")


def write(soak: Soak, folder: Path) -> Path:
    """The page's path; a JSON file with the same lies beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"told": told(soak), "passed": soak.passed, "rounds": soak.rounds, "verdict": soak.verdict}
    (folder / f"soak-{soak.seed}.json").write_bytes(msgspec.json.format(msgspec.json.encode(kept)))
    seen = slices(soak.samples, width=max(0.5, soak.seconds / 300))
    marks = [("a fault begins", one.begun) for one in soak.rounds]
    figure = plots.plot(
        "Requests and errors", {"requests/s": plots.line(seen, "rate"), "errors/s": plots.line(seen, "errors")}, marks
    )
    table = pages.table(
        ("at", "fault", "lasted", "reads", "lost"), [tuple(map(str, row.values())) for row in rows(soak)]
    )
    page = folder / f"soak-{soak.seed}.html"
    page.write_text(
        pages.html("Soak", f"<p>{escape(told(soak))}</p><figure>{figure}</figure>{table}"), encoding="utf-8"
    )
    return page
