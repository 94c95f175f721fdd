"""A multipart/form-data body read as it arrives: the bytes of its one file, and its few small fields."""

from collections.abc import AsyncGenerator, AsyncIterator

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from gigaday.errors import BadRequest, Fault, Invalid
from gigaday.rules.validation import escape

FILE, FIELDS = "file", ("alt",)
_FIELD_BYTES = 8 << 10
_ENDS = {b"%22": b'"', b"%0D": b"", b"%0A": b"", b"%0d": b"", b"%0a": b""}


class FileForm:
    """Iterate `chunks(body)` for the file's bytes; afterwards `filename`, `declared` (its type) and `fields` are known.

    Nothing is kept but the small fields: memory is bounded by the chunks that arrive.
    """

    def __init__(self, boundary: bytes) -> None:
        self.filename = ""
        self.declared = ""
        self.fields: dict[str, str] = {}
        self._seen: set[str] = set()
        self._part = ""
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value, self._field = bytearray(), bytearray(), bytearray()
        self._pending: list[bytes] = []
        self._ended = False
        self._parser = self._make_parser(boundary)

    async def chunks(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """The file's bytes. Raises BadRequest (malformed, cut short) and Invalid (which parts there are)."""
        async for chunk in body:
            self._feed(chunk)
            if self._pending:
                joined = b"".join(self._pending)
                self._pending.clear()
                yield joined
        if not self._ended:
            raise BadRequest("The multipart body ends before its closing boundary.")
        if FILE not in self._seen:
            raise Invalid("The form has no file.", errors=[Fault(f"/{FILE}", "is required")])

    def _make_parser(self, boundary: bytes) -> MultipartParser:
        if not boundary:
            raise BadRequest("multipart/form-data needs a boundary parameter.")
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
            )
        except FormParserError as error:
            raise BadRequest("The multipart boundary is not valid.") from error

    def _feed(self, chunk: bytes) -> None:
        if self._ended:
            # What follows the closing boundary has no meaning (RFC 2046, section 5.1.1).
            return
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise BadRequest("The multipart body is malformed.") from error

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._field.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _on_headers_finished(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = _text(options.get(b"name", b""))
        if kind != b"form-data" or not name:
            raise BadRequest("A part has no name.", errors=[Fault("", "each part needs a non-empty name")])
        self._part = name
        self._check_part(name)
        if name == FILE:
            self.filename = _filename(options.get(b"filename", b""))
            self.declared = _text(self._headers.get(b"content-type", b""))

    def _check_part(self, name: str) -> None:
        pointer = f"/{escape(name[:100])}"
        if name != FILE and name not in FIELDS:
            known = ", ".join((FILE, *FIELDS))
            raise Invalid("The form has an unknown part.", errors=[Fault(pointer, f"is not known; known: {known}")])
        if name in self._seen:
            raise Invalid("The form has a part twice.", errors=[Fault(pointer, "may be sent once")])
        self._seen.add(name)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part == FILE:
            self._pending.append(data[start:end])
            return
        self._field += data[start:end]
        if len(self._field) > _FIELD_BYTES:
            raise Invalid("A field is too long.", errors=[Fault(f"/{self._part}", "is too long")])

    def _on_part_end(self) -> None:
        if self._part == FILE:
            return
        try:
            self.fields[self._part] = self._field.decode()
        except UnicodeDecodeError as error:
            raise Invalid("A field is not text.", errors=[Fault(f"/{self._part}", "must be UTF-8")]) from error

    def _on_end(self) -> None:
        self._ended = True


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _filename(raw: bytes) -> str:
    """Browsers escape a quote and line ends in a name, and nothing else (the HTML standard)."""
    for escaped, plain in _ENDS.items():
        raw = raw.replace(escaped, plain)
    return _text(raw)
