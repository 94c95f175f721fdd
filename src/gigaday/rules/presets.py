"""Renderings with a name: those that every tenant has, and its own in `settings.presets`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from gigaday.contracts import ImageSpec
from gigaday.errors import Fault, NotFound
from gigaday.rules import image_spec, validation

BUILT_IN: dict[str, ImageSpec] = {
    "thumb": ImageSpec(width=160, height=160, fit="cover"),
    "small": ImageSpec(width=400, height=400, fit="inside"),
    "medium": ImageSpec(width=800, height=800, fit="inside"),
    "large": ImageSpec(width=1600, height=1600, fit="inside"),
}
SETTING = "presets"
MOST = 20
"""Presets of a tenant's own."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def of(settings: Mapping[str, Any]) -> dict[str, ImageSpec]:
    """Every preset of the tenant with these settings; one of its own takes the place of another of its name. What was
    stored before it was checked is passed over."""
    own = settings.get(SETTING)
    if not isinstance(own, dict) or any(faults(own)):
        return BUILT_IN
    return {**BUILT_IN, **{name: msgspec.convert(spec, ImageSpec) for name, spec in own.items()}}


def find(name: str, settings: Mapping[str, Any]) -> ImageSpec:
    """The preset `name`. Raises NotFound, naming those that there are."""
    known = of(settings)
    if name not in known:
        raise NotFound(f"There is no preset {name[:100]!r}; known: {', '.join(known)}.")
    return known[name]


def faults(presets: Any, pointer: str = "") -> Iterator[Fault]:
    """What is wrong with a tenant's own presets; `pointer` is where they stand."""
    if not isinstance(presets, dict):
        yield Fault(pointer, "must be an object: each preset's name, and what it is")
        return
    if len(presets) > MOST:
        yield Fault(pointer, f"must be at most {MOST} presets")
    for name, spec in presets.items():
        yield from _faults(name, spec, f"{pointer}/{validation.escape(name)}")


def _faults(name: str, spec: Any, pointer: str) -> Iterator[Fault]:
    if not _NAME.fullmatch(name):
        yield Fault(pointer, "is not a name: lower-case letters, digits, _ and -, at most 32")
    found = list(validation.faults(spec, ImageSpec, pointer))
    if not found:
        pointers = {side: f"{pointer}/{side}" for side in ("width", "height")}
        found = list(image_spec.too_large(msgspec.convert(spec, ImageSpec), pointers))
    yield from found
