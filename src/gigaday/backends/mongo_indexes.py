"""Which indexes a collection keeps in MongoDB, and the key it is sharded by."""

from pymongo import IndexModel

from gigaday.contracts import Collection, Index

Keys = list[tuple[str, int | str]]


def shard_key(collection: Collection) -> dict[str, int | str]:
    """Tenanted: by the hash of the tenant, refined by `_id` so that one large tenant still splits over chunks."""
    return {"createdBy": "hashed", "_id": 1} if collection.tenanted else {"_id": "hashed"}


def index_models(collection: Collection) -> list[IndexModel]:
    """Every index the collection keeps besides the one of `_id`."""
    keys: list[Keys] = [[("createdBy", 1), ("_id", 1)]]
    if collection.tenanted:
        keys.append(list(shard_key(collection).items()))
    keys += [_led_by_owner(index) for index in collection.indexes]
    models = [IndexModel(key) for key in keys]
    if collection.expires:
        models.append(IndexModel([(collection.expires, 1)], expireAfterSeconds=0))
    return models


def _led_by_owner(index: Index) -> Keys:
    fields: Keys = list(index.fields)
    return fields if fields[0][0] == "createdBy" else [("createdBy", 1), *fields]
