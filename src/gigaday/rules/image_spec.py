"""What rendering of an image is asked for: read from a query, settled with what the client takes, and named.

Two ways to ask for the same pixels have one name, under which the rendering is stored once.
"""

from collections.abc import Iterable, Iterator
from typing import Any, get_args

import msgspec

from gigaday.contracts import Focus, ImageSpec
from gigaday.contracts.imaging import MOST_PIXELS_WIDE, Fit, Format
from gigaday.errors import BadRequest, Fault
from gigaday.rules import encodings

SOURCES = frozenset(f"image/{name}" for name in ("apng", "avif", "gif", "jpeg", "png", "webp"))
"""Content types of what can be rendered; of an animation the first frame."""
CONTENT_TYPES: dict[Format, str] = {name: f"image/{name}" for name in ("webp", "avif", "jpeg", "png")}
EXTENSIONS: dict[Format, str] = {"webp": "webp", "avif": "avif", "jpeg": "jpg", "png": "png"}
QUALITY: dict[Format, int] = {"webp": 80, "avif": 55, "jpeg": 82}
"""Of each lossy format, what looks alike."""

_OFFERED: tuple[Format, ...] = ("avif", "webp")
_PARAMETERS = {"w": "width", "h": "height", "fit": "fit", "format": "format", "q": "quality", "dpr": "dpr"}
_FOCUS = ("fx", "fy")
NAMES = (*_PARAMETERS, *_FOCUS)
"""The parameters of a query."""
_TYPES = {field.name: field.type for field in msgspec.structs.fields(ImageSpec)}
_RANGES = {
    **dict.fromkeys(("w", "h"), f"an integer from 1 to {MOST_PIXELS_WIDE}"),
    "fit": f"one of {', '.join(get_args(Fit))}",
    "format": f"one of {', '.join(get_args(Format))}",
    "q": "an integer from 1 to 100",
    "dpr": "a number from 1 to 4",
    **dict.fromkeys(_FOCUS, "a number from 0 to 1"),
}
_CENTRE = Focus(0.5, 0.5)


def parse(query: Iterable[tuple[str, str]]) -> ImageSpec:
    """The rendering that a query asks for. Raises BadRequest with every fault."""
    found: dict[str, Any] = {}
    wrong: list[Fault] = []
    for name, text in query:
        if fault := _read(name, text, found):
            wrong.append(Fault(f"?{name[:100]}", fault))
    if ("fx" in found) != ("fy" in found):
        wrong.append(Fault("?fx" if "fy" in found else "?fy", "is needed as well: a focal point has two coordinates"))
    fields = {field: found[name] for name, field in _PARAMETERS.items() if name in found}
    if "fx" in found and "fy" in found:
        fields["focus"] = Focus(found["fx"], found["fy"])
    spec = ImageSpec(**fields)
    wrong += too_large(spec, {"width": "?w", "height": "?h"})
    if wrong:
        raise BadRequest(f"{len(wrong)} parameter(s) are not valid.", errors=wrong)
    return spec


def _read(name: str, text: str, found: dict[str, Any]) -> str:
    """Reads one parameter into `found`; what is wrong with it, if anything."""
    if name not in NAMES:
        return f"is not a parameter here; known: {', '.join(NAMES)}"
    if name in found:
        return "is given twice"
    kind = _TYPES[_PARAMETERS[name]] if name in _PARAMETERS else Focus.__annotations__["x"]
    try:
        found[name] = msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        return f"must be {_RANGES[name]}"
    return "" if found[name] is not None else f"must be {_RANGES[name]}"


def too_large(spec: ImageSpec, pointers: dict[str, str]) -> Iterator[Fault]:
    """What no type says: the pixels of a side, which `dpr` multiplies. `pointers` are those of width and height."""
    for side, pointer in pointers.items():
        pixels = getattr(spec, side)
        if pixels is not None and round(pixels * spec.dpr) > MOST_PIXELS_WIDE:
            yield Fault(pointer, f"times dpr must be at most {MOST_PIXELS_WIDE}")


def to_query(spec: ImageSpec) -> list[tuple[str, str]]:
    """The query that `parse` reads `spec` from."""
    given = msgspec.to_builtins(spec)
    query = [(name, _text(given[field])) for name, field in _PARAMETERS.items() if field in given]
    return query + [(name, _text(given["focus"][name[1]])) for name in _FOCUS if "focus" in given]


def _text(value: object) -> str:
    return str(value).removesuffix(".0")


def negotiated(spec: ImageSpec, accept: str) -> ImageSpec:
    """With "auto" settled by the header `accept`: AVIF, WebP, or "auto" again where neither is taken. Wildcards do not
    count: clients send them that know nothing of these formats."""
    if spec.format != "auto":
        return spec
    chosen = encodings.choose(accept, [CONTENT_TYPES[name] for name in _OFFERED])
    names = {CONTENT_TYPES[name]: name for name in _OFFERED}
    return msgspec.structs.replace(spec, format=names.get(chosen, "auto"))


def canonical(spec: ImageSpec, focus: Focus | None = None) -> ImageSpec:
    """The one spelling of these pixels: `dpr` multiplied in, and nothing that has no effect. `focus` is the medium's
    own."""
    boxed = spec.width is not None and spec.height is not None
    fit = spec.fit if boxed else "inside"
    return ImageSpec(
        width=_scaled(spec.width, spec.dpr),
        height=_scaled(spec.height, spec.dpr),
        fit=fit,
        format=spec.format,
        quality=None if spec.format == "png" else spec.quality or QUALITY.get(spec.format),
        focus=_rounded(spec.focus or focus or _CENTRE) if fit == "cover" else None,
    )


def _scaled(pixels: int | None, dpr: float) -> int | None:
    return None if pixels is None else min(MOST_PIXELS_WIDE, round(pixels * dpr))


def _rounded(focus: Focus) -> Focus:
    return Focus(round(focus.x, 2), round(focus.y, 2))


def settled(spec: ImageSpec) -> tuple[ImageSpec, ...]:
    """What a canonical spec may turn out to be: "auto" is JPEG, or PNG where there is alpha."""
    if spec.format != "auto":
        return (spec,)
    jpeg = msgspec.structs.replace(spec, format="jpeg", quality=spec.quality or QUALITY["jpeg"])
    return jpeg, msgspec.structs.replace(spec, format="png", quality=None)


def file_name(spec: ImageSpec) -> str:
    """The name of a rendering, `spec` canonical and of a settled format: w400-h300-cover-f50x50-q80.webp."""
    parts = [f"w{spec.width}" if spec.width else "", f"h{spec.height}" if spec.height else ""]
    parts.append(spec.fit if spec.width and spec.height else "" if spec.width or spec.height else "full")
    if spec.focus is not None:
        parts.append(f"f{round(spec.focus.x * 100)}x{round(spec.focus.y * 100)}")
    parts.append(f"q{spec.quality}" if spec.quality else "")
    return "-".join(filter(None, parts)) + f".{EXTENSIONS[spec.format]}"
