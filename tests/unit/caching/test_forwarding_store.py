from pathlib import Path

import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.caching.forwarding_store import ForwardingStore
from gigaday.contracts import Collection, Insert, Query

NOTES = Collection("notes", expires="until")
NOTE = {"_id": "n", "createdBy": "acme", "version": 1, "until": "2026-01-01"}


async def test_everything_reaches_the_store_behind(tmp_path: Path) -> None:
    store = ForwardingStore(SqliteStore.open(tmp_path / "documents.sqlite"))
    await store.prepare([NOTES])
    await store.ping()
    assert await store.write(NOTES, "acme", [Insert(NOTE)]) == ["applied"]
    assert await store.get(NOTES, "acme", "n") == NOTE
    assert await store.get_many(NOTES, "acme", ["n"]) == {"n": NOTE}
    assert await store.page(NOTES, "acme", Query()) == [NOTE]
    assert await store.delete_expired(NOTES, "2026-01-02") == 1
    await store.close()
    with pytest.raises(Exception, match="closed"):
        await store.get(NOTES, "acme", "n")
