"""A tenant's settings: an object of its own making, but for what has a meaning here."""

from collections.abc import Iterator, Mapping
from typing import Any

from gigaday.errors import Fault
from gigaday.rules import presets, validation

PUBLISH = "publish"
"""Whether anyone may read the catalogue and its media."""


def check(settings: Mapping[str, Any]) -> None:
    """Raises Invalid with every fault."""
    if found := list(_faults(settings)):
        raise validation.refusal(found)


def _faults(settings: Mapping[str, Any]) -> Iterator[Fault]:
    if not isinstance(settings.get(PUBLISH, False), bool):
        yield Fault(f"/settings/{PUBLISH}", "must be true or false")
    if presets.SETTING in settings:
        yield from presets.faults(settings[presets.SETTING], f"/settings/{presets.SETTING}")
