import pytest

from gigaday.errors import Invalid
from gigaday.rules.tenant_settings import check


@pytest.mark.parametrize("settings", [
    {}, {"currency": "EUR", "theme": {"color": 1}}, {"publish": False},
    {"publish": True, "presets": {"hero": {"width": 9}}},
])  # fmt: skip
def test_what_means_nothing_here_is_the_tenants_own_affair(settings):
    check(settings)


def test_every_fault_is_named():
    with pytest.raises(Invalid) as refused:
        check({"publish": "yes", "presets": {"hero": {"width": 0}}})
    assert [fault.pointer for fault in refused.value.errors] == ["/settings/publish", "/settings/presets/hero/width"]


@pytest.mark.parametrize("value", [None, 1, "true", []])
def test_publishing_is_never_a_matter_of_guessing(value):
    with pytest.raises(Invalid):
        check({"publish": value})
