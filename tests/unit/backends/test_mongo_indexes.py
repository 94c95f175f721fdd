from gigaday.backends.mongo_indexes import index_models, shard_key
from gigaday.contracts import Collection, Index


def keys(collection: Collection) -> list[dict[str, int | str]]:
    return [dict(model.document["key"]) for model in index_models(collection)]


def test_a_tenanted_collection_is_sharded_by_its_tenant() -> None:
    collection = Collection("products", indexes=(Index((("createdBy", 1), ("name", 1))),))
    assert shard_key(collection) == {"createdBy": "hashed", "_id": 1}
    assert keys(collection) == [
        {"createdBy": 1, "_id": 1},
        {"createdBy": "hashed", "_id": 1},
        {"createdBy": 1, "name": 1},
    ]


def test_other_indexes_are_led_by_the_owner_as_every_query_is() -> None:
    collection = Collection("tokens", tenanted=False, indexes=(Index((("tenant", 1),)),))
    assert shard_key(collection) == {"_id": "hashed"}
    assert keys(collection) == [{"createdBy": 1, "_id": 1}, {"createdBy": 1, "tenant": 1}]


def test_expiry_is_an_index_of_its_own() -> None:
    model = index_models(Collection("records", tenanted=False, expires="expiresAt"))[-1].document
    assert (dict(model["key"]), model["expireAfterSeconds"]) == ({"expiresAt": 1}, 0)
