"""Rows of a file, one at a time: JSON lines or CSV, gzip or not, from a path or standard input.

A line that cannot be read is a Fault in its place, not the end of the file.
"""

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, Self, cast

import msgspec

from gigaday.errors import Fault

Format = Literal["jsonl", "csv"]
Row = tuple[int, dict[str, Any] | Fault]
MAX_LINE = 4 << 20
_BOM = b"\xef\xbb\xbf"
_BROKEN = (EOFError, zlib.error, gzip.BadGzipFile)


class _Counted(io.RawIOBase):
    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)


class RowFile:
    """An open file of rows. `size` is its length in bytes (None for standard input)."""

    def __init__(self, raw: BinaryIO, format: Format, size: int | None = None) -> None:
        self.size = size
        self.format: Format = format
        self._raw = raw
        self._counted = _Counted(raw)

    @classmethod
    def open(cls, path: str, format: Format | None = None) -> Self:
        """Opens a path, or standard input for `-`. Without `format` the name tells. Raises OSError."""
        if path == "-":
            return cls(sys.stdin.buffer, format or "jsonl")
        name = path.lower().removesuffix(".gz")
        file = Path(path)
        return cls(
            file.open("rb", buffering=0), format or ("csv" if name.endswith(".csv") else "jsonl"), file.stat().st_size
        )

    def position(self) -> int:
        """Bytes taken from the file so far, before decompression."""
        return self._counted.count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._raw.close()

    def __iter__(self) -> Iterator[Row]:
        """(line number from 1, row or Fault); a row's number is that of its first line."""
        buffered = io.BufferedReader(self._counted, 1 << 18)
        packed = buffered.peek(2)[:2] == b"\x1f\x8b"
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=buffered)) if packed else cast(BinaryIO, buffered)
        return _json_lines(stream) if self.format == "jsonl" else _csv(stream)


def _lines(stream: BinaryIO) -> Iterator[bytes | Fault]:
    """Lines without a byte order mark; one too long is a Fault, and so is a broken gzip stream."""
    start = True
    while True:
        try:
            line = stream.readline(MAX_LINE)
            if len(line) == MAX_LINE and not line.endswith(b"\n"):
                while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield Fault("", f"is longer than {MAX_LINE} bytes")
                continue
        except _BROKEN as error:
            yield Fault("", f"the compressed file is broken from here on: {error}")
            return
        if not line:
            return
        yield line.removeprefix(_BOM) if start else line
        start = False


def _json_lines(stream: BinaryIO) -> Iterator[Row]:
    for number, line in enumerate(_lines(stream), 1):
        if isinstance(line, Fault):
            yield number, line
        elif line.strip():
            yield number, _decode(line)


def _decode(line: bytes) -> dict[str, Any] | Fault:
    try:
        line.decode()
        value = msgspec.json.decode(line)
    except UnicodeDecodeError as error:
        return Fault("", f"is not UTF-8 at byte {error.start + 1}")
    except (msgspec.DecodeError, RecursionError) as error:
        return Fault("", f"is not JSON: {error}")
    return value if isinstance(value, dict) else Fault("", "is not a JSON object")


def _csv(stream: BinaryIO) -> Iterator[Row]:
    lines = _lines(stream)
    header = next(lines, None)
    if header is None:
        return
    names = header if isinstance(header, Fault) else _header(header)
    if isinstance(names, Fault):
        yield 1, names
        return
    delimiter = _delimiter(cast(bytes, header))
    broken: list[Fault] = []
    reader = csv.reader(_text(lines, broken), delimiter=delimiter, strict=True)
    while True:
        number = reader.line_num + 2
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, Fault("", f"is not CSV: {error}")
            continue
        if broken:
            yield number, broken.pop()
        elif cells:
            yield number, _row(names, cells)


def _text(lines: Iterator[bytes | Fault], broken: list[Fault]) -> Iterator[str]:
    for line in lines:
        if isinstance(line, Fault):
            broken.append(line)
            yield "\n"
        else:
            # A byte that is not UTF-8 becomes a lone surrogate, found again once the cells are apart.
            yield line.decode(errors="surrogateescape")


def _delimiter(header: bytes) -> str:
    return max((",", ";", "\t"), key=lambda sign: header.count(sign.encode()))


def _header(line: bytes) -> list[str] | Fault:
    try:
        names = next(csv.reader([line.decode()], delimiter=_delimiter(line), strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        return Fault("", f"the header is not CSV in UTF-8: {error}")
    names = [name.strip() for name in names]
    if not all(names) or len(set(names)) != len(names):
        return Fault("", "the header must name every column, and each once")
    return names


def _row(names: list[str], cells: list[str]) -> dict[str, Any] | Fault:
    if len(cells) != len(names):
        return Fault("", f"has {len(cells)} cells where the header has {len(names)}")
    for name, cell in zip(names, cells, strict=True):
        if not cell.isascii() and any("\ud800" <= sign <= "\udfff" for sign in cell):
            return Fault("/" + name.replace(".", "/"), "is not UTF-8")
    return {name: cell for name, cell in zip(names, cells, strict=True) if cell != ""}
