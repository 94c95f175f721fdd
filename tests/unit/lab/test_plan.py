"""What a laboratory is made of."""

from pathlib import Path

from gigaday.lab.plan import Plan


def test_all_that_lacks_is_named_with_how_to_get_it(tmp_path: Path) -> None:
    assert any(f"no Swift in {tmp_path}: `make dev` makes it" in told for told in Plan(swift=tmp_path).lacking())


def test_a_set_can_lose_a_member_and_still_hold_every_write_by_a_majority_of_votes() -> None:
    for plan in (Plan(), Plan.small()):
        copies = plan.mongo.count("data")
        assert copies - 1 >= len(plan.mongo) // 2 + 1


def test_a_small_one_has_fewer_parts() -> None:
    small = Plan.small(2, proxies=False)
    assert (small.nodes, small.proxies, small.edge, small.prometheus) == (2, False, False, False)
