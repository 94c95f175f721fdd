from datetime import UTC, datetime

import bson
import msgspec
import pytest

from gigaday.backends.mongo_documents import CODEC, stored, stored_value
from gigaday.contracts import Collection

RECORDS = Collection("records", expires="expiresAt")
WHEN = "2026-11-24T10:33:32.123Z"


def test_only_the_expiry_becomes_a_date() -> None:
    document = {"_id": "a", "createdBy": "acme", "createdAt": WHEN, "expiresAt": WHEN}
    moment = datetime(2026, 11, 24, 10, 33, 32, 123_000, UTC)
    assert stored(RECORDS, "acme", document) == {**document, "expiresAt": moment}
    assert document["expiresAt"] == WHEN


def test_dates_and_large_integers_come_back_as_json_holds_them() -> None:
    raw = bson.encode({"at": stored_value(RECORDS, "expiresAt", WHEN), "in": [{"big": 1 << 60}]})
    assert msgspec.json.decode(msgspec.json.encode(bson.decode(raw, CODEC))) == {"at": WHEN, "in": [{"big": 1 << 60}]}


def test_every_millisecond_survives() -> None:
    for millisecond in range(1000):
        when = f"2026-11-24T10:33:32.{millisecond:03}Z"
        raw = bson.encode({"at": stored_value(RECORDS, "expiresAt", when)})
        assert bson.decode(raw, CODEC) == {"at": when}


def test_a_document_of_another_owner_is_refused() -> None:
    with pytest.raises(ValueError, match="owner"):
        stored(RECORDS, "acme", {"_id": "a", "createdBy": "other"})
