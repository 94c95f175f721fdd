"""Announcements to every node, by one sharded channel of Redis Cluster.

A subscription has a connection of its own, to the primary of the channel's slot. It ends when that is lost, falls
silent, or is told that the slot has moved: the caller then listens anew, wherever the channel lives by now.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from gigaday.backends.redis_connect import Redis
from gigaday.backends.redis_lane import Lane, ReplyError
from gigaday.errors import BackendDown

CHANNEL = "invalidations"
_SUBSCRIBE_SECONDS = 0.5
_SILENCE_SECONDS = 0.25
_MOST_WAITING = 10_000


class RedisBus:
    """`Bus`."""

    def __init__(self, redis: Redis, channel: str = CHANNEL) -> None:
        self._redis, self._channel = redis, channel
        self._lanes: set[Lane] = set()

    async def publish(self, message: bytes) -> None:
        try:
            await self._redis.ask(self._channel, "SPUBLISH", self._channel, message)
        except ReplyError as error:
            raise BackendDown(f"redis: {error}") from error

    async def messages(self) -> AsyncIterator[bytes]:
        heard: asyncio.Queue[bytes | None] = asyncio.Queue()

        def ended(_lane: Lane) -> None:
            heard.put_nowait(None)

        def pushed(push: list[Any]) -> None:
            heard.put_nowait(push[2] if push[0] == b"smessage" else None)

        lane = Lane(await self._redis.locate(self._channel), self._redis.access, ended, pushed)
        self._lanes.add(lane)
        try:
            await self._prove(lane, "SSUBSCRIBE", self._channel)
            yield b""
            while heard.qsize() < _MOST_WAITING:
                yield await self._next(heard, lane)
        finally:
            self._lanes.discard(lane)
            lane.close()
        raise BackendDown("redis: more announcements than could be read")

    async def close(self) -> None:
        for lane in list(self._lanes):
            lane.close()
        await self._redis.close()

    async def _next(self, heard: asyncio.Queue[bytes | None], lane: Lane) -> bytes:
        while True:
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    message = await heard.get()
            except TimeoutError:
                await self._prove(lane, "PING")
                continue
            if message is None:
                self._redis.doubt()
                raise BackendDown("redis: the subscription has ended")
            return message

    async def _prove(self, lane: Lane, *words: str) -> None:
        """Asks on the subscription's own connection. Raises BackendDown where no answer comes."""
        try:
            await lane.ask(words, asyncio.get_running_loop().time() + _SUBSCRIBE_SECONDS)
        except (ReplyError, BackendDown) as error:
            self._redis.doubt()
            raise BackendDown(f"redis: no subscription: {error}") from error
