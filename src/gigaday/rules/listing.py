"""A list's query string, read strictly: `limit`, `cursor`, `sort`, `fields` and filters of declared fields."""

import re
from typing import Any, Literal, cast
from urllib.parse import parse_qsl

import msgspec

from gigaday.contracts import Filter, Operator, Query
from gigaday.errors import BadRequest, Fault
from gigaday.rules import cursors, times

Kind = Literal["text", "integer", "time", "array"]
OPERATORS: dict[Kind, tuple[Operator, ...]] = {
    "text": ("eq", "ne", "gt", "gte", "lt", "lte", "in", "prefix"),
    "integer": ("eq", "ne", "gt", "gte", "lt", "lte", "in"),
    "time": ("eq", "gt", "gte", "lt", "lte"),
    "array": ("eq",),
}
MAX_LIMIT, DEFAULT_LIMIT, MAX_VALUES, MAX_PARAMETERS = 100, 20, 100, 40
_PARAMETER = re.compile(r"([A-Za-z_.]+)(?:\[([a-z]+)\])?")
_INTEGER = re.compile(r"-?\d{1,16}")


class Listable(msgspec.Struct, frozen=True):
    """What may be asked of a resource: filters by field, sort fields, answered fields."""

    filters: dict[str, Kind]
    sorts: tuple[str, ...]
    fields: tuple[str, ...]


class ListRequest(msgspec.Struct, frozen=True):
    """`question` identifies filters and sort, for the cursor; `fields` is empty for all."""

    query: Query
    fields: tuple[str, ...]
    question: tuple[str, ...]


def pairs(query_string: bytes) -> list[tuple[str, str]]:
    """The decoded parameters. Raises BadRequest where they are not UTF-8, too many, or hold NUL."""
    try:
        found = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except ValueError as error:
        raise BadRequest(
            f"The query string must be percent-encoded UTF-8 with at most {MAX_PARAMETERS} parameters."
        ) from error
    if any("\0" in name or "\0" in value for name, value in found):
        raise BadRequest("The query string holds a NUL character.")
    return found


def parse_fields(query_string: bytes, listable: Listable) -> tuple[str, ...]:
    """Of a single item's query string: `fields` alone. Raises BadRequest."""
    reader = _Reader(listable)
    for name, value in pairs(query_string):
        if name == "fields":
            reader.read_fields(value)
        else:
            reader.fault(name, "is not a parameter here; known: fields")
    reader.finish()
    return reader.fields


def parse(query_string: bytes, listable: Listable, scope: tuple[str, ...], key: bytes) -> ListRequest:
    """The page asked for; `scope` (tenant, resource) binds its cursor. Raises BadRequest (every fault) or BadCursor."""
    reader = _Reader(listable)
    for name, value in pairs(query_string):
        reader.read(name, value)
    reader.finish()
    question = (*scope, reader.sort, str(reader.descending), *sorted(str(f) for f in reader.filters))
    after = cursors.read(reader.cursor, question, key) if reader.cursor else None
    query = Query(tuple(reader.filters), reader.sort, reader.descending, after, reader.limit)
    return ListRequest(query, reader.fields, question)


class _Reader:
    def __init__(self, listable: Listable) -> None:
        self._listable = listable
        self._faults: list[Fault] = []
        self._seen: set[str] = set()
        self.filters: list[Filter] = []
        self.fields: tuple[str, ...] = ()
        self.sort, self.descending = "_id", False
        self.limit, self.cursor = DEFAULT_LIMIT, ""

    def fault(self, name: str, detail: str) -> None:
        self._faults.append(Fault(f"?{name[:100]}", detail))

    def finish(self) -> None:
        if self._faults:
            raise BadRequest(f"{len(self._faults)} parameter(s) are not valid.", errors=self._faults)

    def read(self, name: str, value: str) -> None:
        plain = {"limit": self._limit, "cursor": self._cursor, "sort": self._sort, "fields": self.read_fields}
        if name not in plain:
            self._filter(name, value)
        elif name in self._seen:
            self.fault(name, "is given twice")
        else:
            self._seen.add(name)
            plain[name](value)

    def _limit(self, value: str) -> None:
        if _INTEGER.fullmatch(value) and value.isascii() and 1 <= int(value) <= MAX_LIMIT:
            self.limit = int(value)
        else:
            self.fault("limit", f"must be an integer from 1 to {MAX_LIMIT}")

    def _cursor(self, value: str) -> None:
        self.cursor = value

    def _sort(self, value: str) -> None:
        name = value.removeprefix("-")
        if name not in self._listable.sorts:
            self.fault("sort", f"must be one of {', '.join(self._listable.sorts)}, with - before it for descending")
        self.sort, self.descending = name, value.startswith("-")

    def read_fields(self, value: str) -> None:
        names = tuple(dict.fromkeys(value.split(",")))
        if unknown := [name for name in names if name not in self._listable.fields]:
            self.fault("fields", f"{unknown[0][:100]!r} is not a field; known: {', '.join(self._listable.fields)}")
        self.fields = names

    def _filter(self, name: str, value: str) -> None:
        match = _PARAMETER.fullmatch(name)
        field, operator = (match[1], match[2] or "eq") if match else ("", "")
        kind = self._listable.filters.get(field)
        if kind is None:
            known = ", ".join(["limit", "cursor", "sort", "fields", *self._listable.filters])
            self.fault(name, f"is not a parameter here; known: {known}")
        elif operator not in OPERATORS[kind]:
            self.fault(name, f"has no operator {operator!r}; known for {field}: {', '.join(OPERATORS[kind])}")
        else:
            self._typed(name, field, cast(Operator, operator), kind, value)

    def _typed(self, name: str, field: str, operator: Operator, kind: Kind, text: str) -> None:
        texts = text.split(",") if operator == "in" else [text]
        if len(texts) > MAX_VALUES:
            self.fault(name, f"takes at most {MAX_VALUES} values")
            return
        try:
            values = [_value(kind, item) for item in texts]
        except (ValueError, OverflowError):
            self.fault(
                name, {"integer": "must be an integer", "time": "must be an RFC 3339 time"}.get(kind, "is wrong")
            )
            return
        self.filters.append(Filter(field, operator, values if operator == "in" else values[0]))


def _value(kind: Kind, text: str) -> Any:
    if kind == "integer":
        if not (_INTEGER.fullmatch(text) and text.isascii()):
            raise ValueError(text)
        return int(text)
    return times.parse(text) if kind == "time" else text
