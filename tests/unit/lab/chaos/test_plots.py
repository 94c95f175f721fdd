"""Plots of runs."""

from gigaday.lab.chaos import plots


def test_moments_of_one_name_share_a_line_with_breaks():
    assert plots.upright([("begins", 2), ("ends", 7), ("begins", 5)], 3) == {
        "begins": [(2, 0), (2, 3), (None, None), (5, 0), (5, 3)],
        "ends": [(7, 0), (7, 3)],
    }


def test_it_is_an_svg_with_all_of_them():
    made = plots.plot("T", {"errors/s": [(0, 1), (9, 3)]}, [("begins", 2), ("begins", 5), ("ends", 7)])
    assert made.startswith("<svg") and all(f">{text}<" in made for text in ("errors/s", "begins", "ends"))
