"""A mapping file: how one row of somebody else's data becomes a product as the API takes it.

The file is TOML. `[fields]` names each target ("price.amount", "attributes.upc") and where its value comes from;
`[attributes] keep` copies source fields by their own name. What is not mapped is left out.
"""

import re
import tomllib
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import Any, Literal, get_args

import msgspec

from gigaday.errors import Fault, GigadayError
from gigaday.rules.validation import escape

Kind = Literal["string", "integer", "number", "boolean"]
TARGETS = ("name", "category", "description", "sku", "status", "price.amount", "price.currency", "mediaIds")
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(-?\d+)\]")
_PATH = re.compile(r"[^.\[\]]+(\[-?\d+\]|\.[^.\[\]]+)*")
_ARITHMETIC = Context(prec=60)
_LARGEST = Decimal(2**53 - 1)
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class MappingError(GigadayError):
    """A mapping file that cannot be used; the message names every faulty key and its reason, one a line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"path": "from", "kind": "as"}):
    """Where one target's value comes from: `from` a path in the row, or a `constant`.

    `default` stands in for what is missing, null or empty. `scale` multiplies in decimal and rounds half to even to a
    whole number; with `exact` a value that would need rounding is refused.
    """

    path: str = ""
    constant: Any = None
    default: Any = None
    scale: int | float | None = None
    exact: bool = False
    kind: Kind | None = None


class Mapping(msgspec.Struct, frozen=True):
    """A mapping file as read; `fields` are (target, rule), in the order of the file."""

    fields: tuple[tuple[str, Rule], ...]
    keep: tuple[str, ...] = ()

    def apply(self, row: dict[str, Any]) -> dict[str, Any] | list[Fault]:
        """The product made from `row`, or every reason why there is none."""
        product: dict[str, Any] = {}
        faults: list[Fault] = []
        for target, rule in self.fields:
            try:
                value = _value(rule, row)
            except ValueError as error:
                faults.append(Fault("/" + "/".join(escape(part) for part in _parts(target)), str(error)))
                continue
            if value is not None:
                _put(product, target, value)
        for name in self.keep:
            if not _empty(value := row.get(name)):
                _put(product, f"attributes.{name}", value)
        return faults or product


def parse(text: str) -> Mapping:
    """Reads a mapping file's text. Raises MappingError with every fault at once."""
    try:
        file = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError([f"the file is not TOML: {error}"]) from error
    faults = [f"{key}: is not known; known: fields, attributes" for key in file if key not in ("fields", "attributes")]
    fields: list[tuple[str, Rule]] = []
    for target, raw in _flat(file.get("fields", {}), faults):
        rule = _rule(target, raw, faults)
        if rule is not None:
            fields.append((target, rule))
    keep = _keep(file.get("attributes", {}), faults)
    if "fields" not in file:
        faults.append("fields: is required, a table of target = source")
    elif not faults and "name" not in dict(fields):
        faults.append("fields.name: is required, as every product has a name")
    if faults:
        raise MappingError(faults)
    return Mapping(tuple(fields), keep)


def _flat(table: Any, faults: list[str], above: str = "") -> Iterator[tuple[str, Any]]:
    """Targets may be written quoted ("price.amount") or as TOML's own dotted keys, which nest."""
    if not isinstance(table, dict):
        faults.append("fields: must be a table")
        return
    for key, value in table.items():
        target = f"{above}.{key}" if above else key
        if target in ("price", "attributes") and isinstance(value, dict) and not _is_rule(value):
            yield from _flat(value, faults, target)
        else:
            yield target, value


def _is_rule(table: dict[str, Any]) -> bool:
    return isinstance(table.get("from"), str) or "constant" in table


def _rule(target: str, raw: Any, faults: list[str]) -> Rule | None:
    where = f"fields.{target}"
    if target not in TARGETS and not (target.startswith("attributes.") and len(target) > len("attributes.")):
        faults.append(f"{where}: is not a field of a product; known: {', '.join(TARGETS)}, attributes.<name>")
        return None
    try:
        rule = msgspec.convert({"from": raw} if isinstance(raw, str) else raw, Rule)
    except msgspec.ValidationError as error:
        faults.append(
            f"{where}: {error}; known: from, constant, default, scale, exact, as ({', '.join(get_args(Kind))})"
        )
        return None
    found = list(_rule_faults(rule))
    faults += [f"{where}: {fault}" for fault in found]
    return None if found else rule


def _rule_faults(rule: Rule) -> Iterator[str]:
    if bool(rule.path) == (rule.constant is not None):
        yield "needs one of from and constant"
    if rule.path and not _PATH.fullmatch(rule.path):
        yield f"from = {rule.path!r} is not a path such as price.list[-1].amount"
    if rule.scale is not None and not 0 < rule.scale <= 10**9:
        yield "scale must be above 0 and at most 1000000000"
    if rule.scale is not None and rule.kind not in (None, "integer"):
        yield f'scale makes whole numbers, which as = "{rule.kind}" contradicts'
    if rule.exact and rule.scale is None:
        yield "exact means something with scale only"


def _keep(table: Any, faults: list[str]) -> tuple[str, ...]:
    if not isinstance(table, dict):
        faults.append("attributes: must be a table")
        return ()
    faults += [f"attributes.{key}: is not known; known: keep" for key in table if key != "keep"]
    keep = table.get("keep", [])
    if not isinstance(keep, list) or not all(isinstance(name, str) and name for name in keep):
        faults.append("attributes.keep: must be a list of source fields")
        return ()
    return tuple(keep)


def _parts(target: str) -> list[str]:
    return target.split(".", 1)


def _put(product: dict[str, Any], target: str, value: Any) -> None:
    first, *rest = _parts(target)
    if rest:
        product.setdefault(first, {})[rest[0]] = value
    else:
        product[first] = value


def _value(rule: Rule, row: dict[str, Any]) -> Any:
    """Raises ValueError with what is wrong with the row's value."""
    if not rule.path:
        return rule.constant
    found = _look_up(row, rule.path)
    if _empty(found):
        return rule.default
    try:
        if rule.scale is not None:
            return _scaled(found, rule.scale, rule.exact)
        return found if rule.kind is None else _as(found, rule.kind)
    except ValueError as error:
        raise ValueError(f"{str(found)[:80]!r} from {rule.path} {error}") from None


def _empty(value: Any) -> bool:
    return value is None or value == ""


def _look_up(row: dict[str, Any], path: str) -> Any:
    if path in row:
        return row[path]
    value: Any = row
    for step in _STEP.finditer(path):
        name, index = step.groups()
        try:
            value = value[name] if name is not None else value[int(index)]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def _scaled(value: Any, scale: int | float, exact: bool) -> int:
    scaled = _ARITHMETIC.multiply(_decimal(value), Decimal(str(scale)))
    if scaled.copy_abs() > _LARGEST:
        raise ValueError("is out of range")
    whole = scaled.to_integral_value(ROUND_HALF_EVEN)
    if exact and whole != scaled:
        raise ValueError(f"times {scale} is not a whole number")
    return int(whole)


def _decimal(value: Any) -> Decimal:
    """A float counts as its shortest decimal form: 44.99 is exactly 44.99."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("is not a number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if not number.is_finite():
        raise ValueError("is not a number")
    if number.copy_abs() > _LARGEST:
        raise ValueError("is out of range")
    return number


def _as(value: Any, kind: Kind) -> Any:
    if kind == "string":
        return _string(value)
    if kind == "boolean":
        word = str(value).strip().lower()
        if word not in _WORDS:
            raise ValueError("is neither true nor false")
        return _WORDS[word]
    number = _decimal(value)
    if kind == "number":
        return float(number)
    if number != number.to_integral_value():
        raise ValueError("is not a whole number")
    return int(number)


def _string(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise ValueError("is not a single value")
    return str(value)
