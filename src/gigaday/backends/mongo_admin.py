"""What an operator does to MongoDB: make the indexes, shard the collections, ask whether the set can lose a member.

Each is safe to repeat, and none drops anything. What an emergency needs is in `mongo_failover`.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal, Self

import msgspec

from gigaday.backends.mongo_connect import Client, connect, database, translated
from gigaday.backends.mongo_indexes import index_models, shard_key
from gigaday.contracts import Collection
from gigaday.errors import BackendDown

_INDEX_BUILD_MS = 24 * 3_600_000
"""An index over a billion documents takes hours; a command that is waited for has no shorter limit."""


class IndexStep(msgspec.Struct, frozen=True):
    """One index of the plan and what became of it."""

    collection: str
    index: str
    state: Literal["existing", "missing", "made"]


class ShardStep(msgspec.Struct, frozen=True):
    """One command for the router: done already, to be sent (dry run), or sent just now."""

    command: dict[str, Any]
    state: Literal["existing", "planned", "done"]


class MongoAdmin:
    """Administration over one connection of its own. Every method may raise BackendDown."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._database = database(client)

    @classmethod
    def open(cls, uri: str, *, time_limit_ms: int = 10_000) -> Self:
        """Connects on first use."""
        client = connect(
            uri,
            max_pool=4,
            min_pool=0,
            wait_ms=time_limit_ms,
            time_limit_ms=time_limit_ms,
            socket_timeout_ms=_INDEX_BUILD_MS,
        )
        return cls(client)

    async def server_time(self) -> float:
        """The server's clock, in epoch seconds."""
        with translated():
            return float((await self._client.admin.command("hello"))["localTime"].timestamp())

    async def close(self) -> None:
        await self._client.close()

    async def indexes(self, collections: Sequence[Collection], *, dry_run: bool = False) -> AsyncIterator[IndexStep]:
        """Makes each index that is missing, one at a time, yielding it as soon as it is there."""
        with translated():
            for collection in collections:
                target = self._database[collection.name]
                existing = set(await target.index_information())
                for model in index_models(collection):
                    name = model.document["name"]
                    if name not in existing and not dry_run:
                        await target.create_indexes([model])
                    missing: Literal["missing", "made"] = "missing" if dry_run else "made"
                    yield IndexStep(collection.name, name, "existing" if name in existing else missing)

    async def shard(self, collections: Sequence[Collection], *, dry_run: bool = False) -> AsyncIterator[ShardStep]:
        """Shards each collection that is not, yielding each command. Raises BackendDown where not on a router."""
        with translated():
            await self._require_router()
            done = await self._sharded()
            for command in shard_commands(self._database.name, collections):
                if _target(command) in done:
                    yield ShardStep(command, "existing")
                    continue
                if not dry_run:
                    await self._send(command)
                yield ShardStep(command, "planned" if dry_run else "done")

    async def replica_status(self) -> list[str]:
        """Warnings about a replica set that loses data or writes with one member; none on a router."""
        with translated():
            hello = await self._client.admin.command("hello")
            if "setName" not in hello:
                return [] if hello.get("msg") == "isdbgrid" else ["not a replica set: a loss of this server loses data"]
            answer = await self._client.admin.command("replSetGetConfig")
        return set_warnings(answer["config"]["members"])

    async def _require_router(self) -> None:
        hello = await self._client.admin.command("hello")
        if hello.get("msg") != "isdbgrid":
            raise BackendDown("sharding needs a router (mongos), but MONGODB_URI names a plain server or replica set")
        shards = (await self._client.admin.command("listShards"))["shards"]
        if not shards:
            raise BackendDown("the cluster has no shard yet: add one with sh.addShard() first")

    async def _sharded(self) -> set[str]:
        """Namespaces sharded already, and the database if it is enabled, in `shardCollection`'s spelling."""
        config = self._client["config"]
        name = self._database.name
        found = {one["_id"] async for one in config["collections"].find({"_id": {"$regex": f"^{name}\\."}})}
        if await config["databases"].find_one({"_id": name}):
            found.add(name)
        return found

    async def _send(self, command: dict[str, Any]) -> None:
        if "shardCollection" in command:
            # A collection that holds documents must have an index on its shard key before it is sharded.
            collection = command["shardCollection"].partition(".")[2]
            await self._database[collection].create_index(list(command["key"].items()))
        await self._client.admin.command(command)


def shard_commands(database_name: str, collections: Sequence[Collection]) -> list[dict[str, Any]]:
    """What the router is sent, in order."""
    return [
        {"enableSharding": database_name},
        *({"shardCollection": f"{database_name}.{one.name}", "key": dict(shard_key(one))} for one in collections),
    ]


def set_warnings(members: Sequence[dict[str, Any]]) -> list[str]:
    """What is wrong with a set of these members (`replSetGetConfig`'s), each with its mend."""
    voters = [member for member in members if member.get("votes", 1)]
    holders = [member for member in voters if not member.get("arbiterOnly")]
    majority = len(voters) // 2 + 1
    warnings = []
    if len(holders) < 3:
        warnings.append(
            f"only {len(holders)} voting members hold data: with one lost there is no second copy; run three or more"
        )
    if majority >= len(holders):
        warnings.append(
            f"majority writes need {majority} of {len(holders)} data members, so they stall when one is lost;"
            " add a data member or remove the arbiter"
        )
    if len(voters) % 2 == 0:
        warnings.append(f"{len(voters)} votes can tie: make their number odd")
    return warnings


def _target(command: dict[str, Any]) -> str:
    return str(command.get("shardCollection") or command["enableSharding"])
