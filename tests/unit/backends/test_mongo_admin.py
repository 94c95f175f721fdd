import pytest

from gigaday.backends.mongo_admin import set_warnings, shard_commands
from gigaday.contracts import Collection

DATA: dict[str, object] = {"votes": 1}
ARBITER: dict[str, object] = {"votes": 1, "arbiterOnly": True}
SILENT: dict[str, object] = {"votes": 0}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([DATA] * 3, []),
        ([DATA] * 4 + [ARBITER], []),
        ([DATA] * 3 + [SILENT], []),
        ([DATA] * 3 + [ARBITER], ["stall", "tie"]),
        ([DATA] * 2 + [ARBITER], ["second copy", "stall"]),
        ([DATA], ["second copy", "stall"]),
    ],
    ids=["PSS", "PSSSA", "PSS and a silent one", "PSSA", "PSA", "P"],
)
def test_a_set_that_cannot_lose_a_member_is_named(members: list[dict[str, object]], words: list[str]) -> None:
    warnings = set_warnings(members)
    assert len(warnings) == len(words)
    assert all(word in warning for word, warning in zip(words, warnings, strict=True))


def test_the_router_is_sent_one_command_a_collection() -> None:
    assert shard_commands("gigaday", [Collection("products"), Collection("tokens", tenanted=False)]) == [
        {"enableSharding": "gigaday"},
        {"shardCollection": "gigaday.products", "key": {"createdBy": "hashed", "_id": 1}},
        {"shardCollection": "gigaday.tokens", "key": {"_id": "hashed"}},
    ]
