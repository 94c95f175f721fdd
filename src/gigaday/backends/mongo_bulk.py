"""Many owners' documents in one command: what the gathering of concurrent requests stands on.

Both commands name every owner, so that a cluster sends them to those owners' shards alone.
"""

from collections.abc import Sequence

import bson
import pymongo
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError

from gigaday.backends.mongo import DUPLICATE_KEY, MongoStore
from gigaday.backends.mongo_documents import stored
from gigaday.contracts import Collection, Document, Outcome
from gigaday.errors import BackendDown

Results = list[Outcome | Exception]


class MongoBulkStore(MongoStore):
    """`BulkStore` on MongoDB."""

    async def get_each(self, collection: Collection, keys: Sequence[tuple[str, str]]) -> list[Document | None]:
        if len(keys) == 1:
            return [await self.get(collection, *keys[0])]
        owners = sorted({owner for owner, _ in keys})
        ids = list({id for _, id in keys})
        where = {"createdBy": {"$in": owners}, "_id": {"$in": ids}}
        documents = await self._run(self._find(collection, where, limit=len(owners) * len(ids)))
        # Of the owners asked for, any may have any of the ids; each asker is given its own alone.
        found = {(document["createdBy"], document["_id"]): document for document in documents}
        return [found.get(key) for key in keys]

    async def insert_each(self, collection: Collection, documents: Sequence[Document]) -> Results:
        results: Results = ["applied"] * len(documents)
        good: list[int] = []
        encoded: list[RawBSONDocument] = []
        for place, document in enumerate(documents):
            try:
                encoded.append(_encoded(collection, document))
                good.append(place)
            except (BSONError, OverflowError, ValueError) as error:
                results[place] = error
        if encoded:
            for place, result in zip(good, await self._run(self._insert_encoded(collection, encoded)), strict=True):
                results[place] = result
        return results

    async def _insert_encoded(self, collection: Collection, documents: list[RawBSONDocument]) -> Results:
        results: Results = ["applied"] * len(documents)
        try:
            async with self._connections:
                with pymongo.timeout(self._seconds()):
                    await self._at(collection).insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):
                raise
            for fault in error.details["writeErrors"]:
                taken = fault["code"] == DUPLICATE_KEY
                results[fault["index"]] = "exists" if taken else BackendDown(f"mongodb: {fault['errmsg'][:200]}")
        return results


def _encoded(collection: Collection, document: Document) -> RawBSONDocument:
    return RawBSONDocument(bson.encode(stored(collection, document["createdBy"], document)))
