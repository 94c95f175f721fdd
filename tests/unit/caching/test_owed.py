"""Tests of `caching.owed`."""

from gigaday.caching.owed import MOST, Owed, fewer


def test_what_is_owed_stays_so_until_an_attempt_succeeds() -> None:
    owed = Owed()
    owed.add(["a", "b"])
    assert set(owed.attempt()) == {"a", "b"}
    assert owed.touches(["b", "x"]) and not owed.touches(["x"])
    owed.failed()
    assert set(owed.all()) == {"a", "b"}
    owed.attempt()
    owed.succeeded()
    assert not owed and not owed.touches(["a"])


def test_what_comes_during_an_attempt_outlives_its_success() -> None:
    owed = Owed()
    owed.add(["a"])
    owed.attempt()
    owed.add(["a"])
    owed.succeeded()
    assert owed.all() == ("a",)


def test_many_tags_are_told_as_their_owners_and_many_owners_as_everything() -> None:
    assert fewer(("acme/products/1", "other")) == ("acme/products/1", "other")
    assert fewer([f"acme/products/{n}" for n in range(MOST)] + ["other/x"]) == ("acme", "other")
    assert fewer([f"t{n}/products" for n in range(MOST + 1)]) == ("*",)
    owed = Owed()
    owed.add(f"acme/products/{n}" for n in range(MOST + 1))
    assert owed.all() == ("acme",)
