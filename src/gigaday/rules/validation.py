"""JSON in, values or every fault out.

msgspec stops at the first fault; a caller wants them all. So a body that does not convert is walked once more along
its Struct, each leaf converted on its own.
"""

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import UnsetType

from gigaday.errors import BadRequest, Fault, Invalid

S = TypeVar("S", bound=msgspec.Struct)
MAX_DEPTH = 32
_MAX_INT = 2**53 - 1
_KEY = re.compile(r"\w[\w -]{0,63}")
_AT = re.compile(r" - at `(?:key in )?\$(.*)`$")


def parse(body: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN, no duplicate keys. Raises BadRequest, or Invalid for what no store keeps."""
    try:
        value = msgspec.json.decode(body)
        json.loads(body, object_pairs_hook=_unique)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not valid JSON: {_reason(error)}.") from error
    faults = list(unsafe(value))
    if faults:
        raise Invalid("The body holds values that cannot be stored.", errors=faults)
    return value


def convert(value: Any, kind: type[S]) -> S:
    """`value` as a Struct. Raises Invalid with every fault."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # JSON knows no integers: 5.0 is one to JSON Schema, though not to msgspec.
        with suppress(msgspec.ValidationError):
            return msgspec.convert(_integral(value), kind)
        found = list(faults(value, kind)) or [_fault("", str(error))]
        raise Invalid(f"{len(found)} value(s) do not validate.", errors=found) from error


def _integral(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _integral(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_integral(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def faults(value: Any, kind: Any, pointer: str = "") -> Iterator[Fault]:
    """Every fault of `value` against a type, with RFC 6901 pointers."""
    kind = _narrow(kind, value)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        yield from _struct_faults(value, kind, pointer)
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield _fault(pointer, str(error))


def _struct_faults(value: dict[str, Any], kind: type[msgspec.Struct], pointer: str) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, field in fields.items():
        if name in value:
            yield from faults(value[name], field.type, f"{pointer}/{escape(name)}")
        elif field.required:
            yield Fault(f"{pointer}/{escape(name)}", "is required")
    for name in value:
        if name not in fields:
            yield Fault(f"{pointer}/{escape(name)}", f"is not a field that can be set; known: {', '.join(fields)}")


def _narrow(kind: Any, value: Any) -> Any:
    """Of a union, the Struct in it where the value is an object."""
    if isinstance(value, dict) and not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        for arm in get_args(kind):
            if isinstance(arm, type) and issubclass(arm, msgspec.Struct):
                return arm
    if get_origin(kind) is not None and UnsetType in get_args(kind):
        arms = [arm for arm in get_args(kind) if arm is not UnsetType]
        rest = arms[0]
        for arm in arms[1:]:
            rest = rest | arm
        return rest
    return kind


def unsafe(value: Any, pointer: str = "", depth: int = 0) -> Iterator[Fault]:
    """What no back end stores alike: deep nesting, numbers past 2**53, NUL, keys that read as operators or paths."""
    if depth > MAX_DEPTH:
        yield Fault(pointer, f"is nested more than {MAX_DEPTH} levels deep")
    elif isinstance(value, dict):
        for key, inner in value.items():
            at = f"{pointer}/{escape(key)}"
            if not _KEY.fullmatch(key):
                yield Fault(at, "is not a valid key: letters, digits, _, - and blanks, at most 64")
            yield from unsafe(inner, at, depth + 1)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from unsafe(inner, f"{pointer}/{position}", depth + 1)
    elif detail := _unsafe_leaf(value):
        yield Fault(pointer, detail)


def _unsafe_leaf(value: Any) -> str | None:
    if isinstance(value, str):
        return "holds a NUL character" if "\0" in value else None
    if isinstance(value, int) and abs(value) > _MAX_INT:
        return "is an integer beyond 2^53"
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    return None


def escape(name: str) -> str:
    """A key as an RFC 6901 reference token."""
    return name.replace("~", "~0").replace("/", "~1")


def _fault(pointer: str, message: str) -> Fault:
    inner = _AT.search(message)
    path = re.sub(r"\[(\d+|\.\.\.)\]", r"/\1", inner[1]).replace(".", "/") if inner else ""
    return Fault(pointer + path, _AT.sub("", message))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _reason(error: Exception) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error).rstrip(".")
