"""What an operator does to a replica set whose primary is sick: ask for its state, and have another member lead."""

from datetime import datetime, timedelta
from typing import Any, Self

from pymongo import ReadPreference
from pymongo.errors import AutoReconnect

from gigaday.backends.mongo_connect import Client, connect, database, translated
from gigaday.errors import BackendDown

_CATCH_UP_SECONDS = 10
_LAG = timedelta(seconds=10)
"""A member that is further behind would lose, or keep everybody waiting for, what it has not got yet."""
_PRIMARY, _SECONDARY = 1, 2


class MongoFailover:
    """Over one connection of its own. Every method may raise BackendDown, within `time_limit_ms`; stepping down takes
    longer where the other members have to catch up first."""

    def __init__(self, uri: str, *, time_limit_ms: int = 5_000) -> None:
        self._uri, self._limit_ms = uri, time_limit_ms
        self._client = self._connected()

    @classmethod
    def open(cls, uri: str) -> Self:
        """Connects on first use."""
        return cls(uri)

    async def close(self) -> None:
        await self._client.close()

    async def shards(self) -> list[str]:
        """The shards of a cluster, each `set/host:port,...`; none on a replica set."""
        with translated():
            if (await self._client.admin.command("hello")).get("msg") != "isdbgrid":
                return []
            return [shard["host"] for shard in (await self._client.admin.command("listShards"))["shards"]]

    async def primary(self) -> str:
        """`host:port` of the member that takes writes."""
        with translated():
            hello = await self._client.admin.command("hello")
        if "setName" not in hello:
            raise BackendDown("a server of its own, and no replica set: nothing could take over")
        return str(hello["me"])

    async def heirs(self) -> list[str]:
        """The members that may be elected, are up and have nearly all that the primary has."""
        with translated():
            members = (await self._client.admin.command("replSetGetStatus"))["members"]
            config = (await self._client.admin.command("replSetGetConfig"))["config"]["members"]
        return heirs(members, {member["host"]: member.get("priority", 1) for member in config})

    async def step_down(self, seconds: float) -> None:
        """Ends the primary's term, once another member has all that it has; it is not elected again for so long."""
        command = {
            "replSetStepDown": int(max(seconds, _CATCH_UP_SECONDS + 1)),
            "secondaryCatchUpPeriodSecs": _CATCH_UP_SECONDS,
        }
        with translated():
            try:
                await self._client.admin.command(command)
            except AutoReconnect:
                """It may close its connections as it goes; whether it went is for the caller to see."""

    async def unfreeze(self, member: str) -> None:
        """Lets a member that has stepped down be elected again."""
        host, _, port = member.rpartition(":")
        client = self._connected((host.strip("[]"), int(port)))
        # Of the one member that the client may use, whatever that is by now.
        anyone = ReadPreference.NEAREST
        try:
            with translated():
                if not (await client.admin.command("hello", read_preference=anyone)).get("isWritablePrimary"):
                    await client.admin.command("replSetFreeze", 0, read_preference=anyone)
        finally:
            await client.close()

    async def try_write(self) -> None:
        """A write that a majority acknowledges."""
        with translated():
            probes = database(self._client)["health"]
            await probes.update_one({"_id": "failover"}, {"$inc": {"tried": 1}}, upsert=True)

    async def connections(self) -> tuple[int, int]:
        """Of the primary (or the router): connections in use, and how many more it takes."""
        with translated():
            told = (await self._client.admin.command("serverStatus"))["connections"]
        return told["current"], told["available"]

    def _connected(self, member: tuple[str, int] | None = None) -> Client:
        return connect(
            self._uri,
            max_pool=4,
            min_pool=0,
            wait_ms=self._limit_ms,
            time_limit_ms=self._limit_ms,
            socket_timeout_ms=self._limit_ms + 2_000 * _CATCH_UP_SECONDS,
            member=member,
        )


def heirs(members: list[dict[str, Any]], priorities: dict[str, float]) -> list[str]:
    """Of the members as `replSetGetStatus` tells them, those that could lead next. Raises BackendDown where none leads
    now."""
    led: list[datetime] = [member["optimeDate"] for member in members if member["state"] == _PRIMARY]
    if not led:
        raise BackendDown("mongodb: no member is the primary any more")
    newest = max(led)
    return [
        member["name"]
        for member in members
        if member["state"] == _SECONDARY
        and member.get("health") == 1
        and priorities.get(member["name"], 0) > 0
        and newest - member["optimeDate"] <= _LAG
    ]
