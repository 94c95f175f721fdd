"""JSON in, values or every fault out.

msgspec stops at the first fault; a caller wants them all. So a body that does not convert is walked once more along
its Struct, each leaf converted on its own. An answer names at most `MAX_FAULTS` of them, and nothing is walked past
those.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import UnsetType, inspect

from gigaday.errors import BadRequest, Fault, Invalid

S = TypeVar("S", bound=msgspec.Struct)
MAX_DEPTH = 32
MAX_FAULTS = 100
_MAX_SHOWN = 200
"""Of a key or a message that holds what was sent, this many characters are repeated to the caller."""
_MAX_INT = 2**53 - 1
_KEY = re.compile(r"\w[\w -]{0,63}")
_AT = re.compile(r" - at `(?:key in )?\$(.*)`$")


def read(body: bytes, kind: type[S]) -> S:
    """A Struct from strict JSON: UTF-8, no NaN, no duplicate keys, nothing that no store keeps. Raises BadRequest, or
    Invalid. What the types refuse, sizes above all, is refused before anything is walked."""
    try:
        value = msgspec.json.decode(body)
        converted = convert(value, kind)
        json.loads(body, object_pairs_hook=_unique)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _not_json(error) from error
    if not _storable(value):
        raise refusal(unsafe(value))
    return converted


def outline(body: bytes, kind: type[S]) -> S:
    """A Struct whose `Raw` parts are left unread, for bodies of many parts. Raises BadRequest, or Invalid with the
    first fault alone."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise refusal([_fault("", str(error))]) from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise _not_json(error) from error


def refusal(found: Iterable[Fault]) -> Invalid:
    """Names the first `MAX_FAULTS` of `found`, and looks for no more."""
    named = list(islice(found, MAX_FAULTS + 1))
    if len(named) <= MAX_FAULTS:
        return Invalid(f"{len(named)} value(s) do not validate.", errors=named)
    detail = f"More than {MAX_FAULTS} values do not validate; the first {MAX_FAULTS} are named."
    return Invalid(detail, errors=named[:MAX_FAULTS])


def convert(value: Any, kind: type[S]) -> S:
    """`value` as a Struct. Raises Invalid with every fault."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        # JSON knows no integers: 5.0 is one to JSON Schema, though not to msgspec.
        with suppress(msgspec.ValidationError):
            return msgspec.convert(_integral(value, inspect.type_info(kind)), kind)
        found = list(islice(faults(value, kind), MAX_FAULTS + 1)) or [_fault("", str(error))]
        raise refusal(found) from error


def _integral(value: Any, kind: inspect.Type) -> Any:
    """`value` with whole floats made integers where `kind` wants integers, and nowhere else."""
    match kind:
        case inspect.IntType() if isinstance(value, float) and value.is_integer() and abs(value) <= _MAX_INT:
            return int(value)
        case inspect.StructType() if isinstance(value, dict):
            types = {field.encode_name: field.type for field in kind.fields}
            return {name: _integral(inner, types[name]) if name in types else inner for name, inner in value.items()}
        case inspect.UnionType():
            for arm in kind.types:
                value = _integral(value, arm)
    return value


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


def _storable(value: Any) -> bool:
    """Whether `unsafe` would find nothing: without pointers, since nearly always it would, in what may be millions."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                if not all(map(_KEY.fullmatch, part)):
                    return False
                inner += part.values()
            elif isinstance(part, list):
                inner += part
            elif _unsafe_leaf(part):
                return False
        level = inner
    return not any(isinstance(part, dict | list) or _unsafe_leaf(part) for part in level)


def unsafe(value: Any, pointer: str = "", depth: int = 0) -> Iterator[Fault]:
    """What no back end stores alike: deep nesting, numbers past 2**53, NUL, keys that read as operators or paths."""
    if depth > MAX_DEPTH:
        yield Fault(pointer, f"is nested more than {MAX_DEPTH} levels deep")
    elif isinstance(value, dict):
        for key, inner in value.items():
            if not _KEY.fullmatch(key):
                yield Fault(
                    f"{pointer}/{escape(key)}", "is not a valid key: letters, digits, _, - and blanks, at most 64"
                )
            yield from _unsafe_part(inner, pointer, key, depth + 1)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _unsafe_part(inner, pointer, position, depth + 1)
    elif detail := _unsafe_leaf(value):
        yield Fault(pointer, detail)


def _unsafe_part(value: Any, pointer: str, at: str | int, depth: int) -> Iterable[Fault]:
    """Makes neither pointer nor generator for a leaf that is well: most are, and there may be millions."""
    if isinstance(value, dict | list):
        return unsafe(value, f"{pointer}/{escape(str(at))}", depth)
    detail = _unsafe_leaf(value)
    return (Fault(f"{pointer}/{escape(str(at))}", detail),) if detail else ()


def _unsafe_leaf(value: Any) -> str | None:
    if isinstance(value, str):
        return "holds a NUL character" if "\0" in value else None
    if isinstance(value, int) and abs(value) > _MAX_INT:
        return "is an integer beyond 2^53"
    if isinstance(value, float) and not math.isfinite(value):
        return "is not a finite number"
    return None


def escape(name: str) -> str:
    """A key as an RFC 6901 reference token; one too long to be ours is cut."""
    return name[:_MAX_SHOWN].replace("~", "~0").replace("/", "~1")


def _fault(pointer: str, message: str) -> Fault:
    inner = _AT.search(message)
    path = re.sub(r"\[(\d+|\.\.\.)\]", r"/\1", inner[1]).replace(".", "/") if inner else ""
    return Fault(pointer + path, _cut(_AT.sub("", message)))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "..."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _not_json(error: Exception) -> BadRequest:
    reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error).rstrip(".")
    return BadRequest(f"The body is not valid JSON: {reason}.")
