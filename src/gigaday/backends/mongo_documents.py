"""How documents lie in MongoDB: as they are, but for the time of `Collection.expires`, which TTL needs as a date."""

from datetime import datetime
from typing import Any

from bson.codec_options import CodecOptions, TypeDecoder, TypeRegistry
from bson.int64 import Int64

from gigaday.contracts import Collection, Document
from gigaday.rules import times


class _PlainInteger(TypeDecoder):
    """Int64 is a subclass of int that JSON encoders refuse."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int:
        return int(value)


class _TimeAsText(TypeDecoder):
    bson_type = datetime

    def transform_bson(self, value: Any) -> str:
        return times.text(value.timestamp())


CODEC: CodecOptions[dict[str, Any]] = CodecOptions(
    tz_aware=True, type_registry=TypeRegistry([_PlainInteger(), _TimeAsText()])
)


def stored(collection: Collection, owner: str, document: Document) -> Document:
    """The document as MongoDB keeps it. Raises ValueError where it is not the owner's."""
    if document["createdBy"] != owner:
        raise ValueError("the document belongs to another owner")
    field = collection.expires
    if field is None or field not in document:
        return document
    return {**document, field: stored_value(collection, field, document[field])}


def stored_value(collection: Collection, field: str, value: Any) -> Any:
    """A field's value as MongoDB keeps it."""
    if field != collection.expires:
        return value
    if isinstance(value, list | tuple):
        return [stored_value(collection, field, one) for one in value]
    return datetime.fromisoformat(value) if isinstance(value, str) else value
