"""A product as one row of a table, and back: the CSV that `export` writes is the CSV that `import` reads.

A cell that a spreadsheet would run as a formula is written with a leading apostrophe, which reading takes off again.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from gigaday.contracts import Document
from gigaday.errors import Fault

SERVER_MADE = frozenset({"_id", "createdBy", "createdAt", "updatedAt", "version"})
_PRICE = ("price.amount", "price.currency")
_JSON = ("attributes", "mediaIds")
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def columns(fields: Sequence[str]) -> list[str]:
    """The header for `fields`: a price takes two columns."""
    return [column for field in fields for column in (_PRICE if field == "price" else (field,))]


def flatten(document: Document, columns: Sequence[str]) -> list[str]:
    """The cells of `columns`; what is absent is an empty cell, what is nested is JSON."""
    price = document.get("price") or {}
    return [_cell(price.get(name[6:]) if name in _PRICE else document.get(name)) for name in columns]


def unflatten(row: dict[str, Any]) -> dict[str, Any] | list[Fault]:
    """A product from cells under the names that `columns` gives; other names stay, for validation to refuse by name."""
    product: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, text in row.items():
        try:
            _put(product, name, text)
        except ValueError as error:
            faults.append(Fault("/" + name.replace(".", "/"), str(error)))
    return faults or product


def without_server_made(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what the server itself gives a product, so that an export can be imported."""
    return {name: value for name, value in row.items() if name not in SERVER_MADE}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return msgspec.json.encode(value).decode()
    text = str(value)
    return f"'{text}" if _FORMULA.match(text) else text


def _put(product: dict[str, Any], name: str, text: str) -> None:
    if name in _JSON:
        product[name] = _decoded(text)
    elif name == "price.amount":
        product.setdefault("price", {})["amount"] = _whole(text)
    elif name == "price.currency":
        product.setdefault("price", {})["currency"] = text
    elif name.startswith("attributes."):
        product.setdefault("attributes", {})[name.removeprefix("attributes.")] = _plain(text)
    else:
        product[name] = _plain(text)


def _plain(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"is not JSON: {error}") from None


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,18}", text.strip()):
        raise ValueError(f"{text[:40]!r} is not a whole number of minor units; a mapping file can scale it")
    return int(text)
