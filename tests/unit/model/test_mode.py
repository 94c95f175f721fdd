import msgspec
import pytest

from gigaday.model.mode import FLEET, NORMAL, Mode, Setting, of_level, of_setting, tenant_scope, together


def test_the_gravest_level_is_the_one_that_is_told() -> None:
    assert NORMAL.level == "normal"
    assert (of_level("serve_stale") | of_level("read_only")).level == "read_only"
    assert (of_level("shed") | of_level("serve_stale")).level == "shed"


def test_of_two_measures_the_stricter_holds_and_factors_multiply() -> None:
    first = Mode(admits="read", concurrency=0.5, lifetimes=4.0, limits=0.5, cache="backup", pool=3.0)
    second = Mode(admits="list", concurrency=0.8, lifetimes=2.0, limits=0.5, cache="off", pool=2.0)
    assert first | second == second | first
    assert first | second == Mode(frozenset(), "read", 0.5, 8.0, 0.25, "off", 3.0)
    assert together([first, second, NORMAL]) == first | second
    assert together([]) == NORMAL


def test_shedding_gives_up_lists_and_more_where_that_is_set() -> None:
    assert of_setting(Setting(FLEET, "shed")).admits == "read"
    assert of_setting(Setting(FLEET, "shed", admits="write")).admits == "write"
    assert of_setting(Setting(FLEET)) == NORMAL


def test_a_scope_is_all_or_one_tenant() -> None:
    assert (Setting(FLEET).tenant, Setting(tenant_scope("acme")).tenant) == ("", "acme")


@pytest.mark.parametrize(
    "wrong",
    [{"scope": "acme"}, {"level": "panic"}, {"concurrency": 2}, {"limits": 0}, {"lifetimes": -1}, {"cache": "disk"}],
)
def test_what_is_no_setting_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"scope": FLEET, **wrong}, Setting)
