"""An HTTP cache in front of the nodes (Varnish, nginx) that forgets by tag, as `deploy/cdn` configures it.

It is sent `PURGE /` with the tags in `Surrogate-Key`, by spaces, at addresses of its own that clients need not reach.
"""

import asyncio
import http.client
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from gigaday.contracts import Delivery
from gigaday.errors import BackendDown

SECONDS = 1.5
"""Of one request."""
_HEADER_BYTES = 4_000
"""Caches take headers of some 8 KiB."""
_NOTHING = "@ping"
"""A tag that nothing stands under, as no tenant is named so."""


class Edge:
    """One cache, by the address that it takes PURGE at."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._connection: http.client.HTTPConnection | None = None
        self._one_at_a_time = threading.Lock()

    async def purge(self, tags: Sequence[str]) -> None:
        """Raises BackendDown; may be repeated."""
        for chunk in _chunks(tags):
            await self._send(chunk)

    async def ping(self) -> None:
        """Purges nothing; raises BackendDown where it could purge no more than that."""
        await self._send(_NOTHING)

    async def close(self) -> None:
        await asyncio.to_thread(self._drop)

    async def _send(self, tags: str) -> None:
        status = await asyncio.to_thread(self._sent, tags)
        if status >= http.client.BAD_REQUEST:
            raise BackendDown(f"the cache refuses PURGE with {status}: it has to admit this node's address")

    def _sent(self, tags: str) -> int:
        with self._one_at_a_time:
            try:
                if self._connection is not None:
                    with suppress(OSError, http.client.HTTPException):  # it may only have been kept for too long
                        return self._asked(tags)
                    self._connection.close()
                    self._connection = None
                return self._asked(tags)
            except (OSError, http.client.HTTPException) as error:
                raise BackendDown(f"the cache does not answer PURGE: {type(error).__name__}") from error

    def _asked(self, tags: str) -> int:
        if self._connection is None:
            secure = self._url.scheme == "https"
            connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self._connection = connect(self._url.hostname or "", self._url.port, timeout=SECONDS)
        self._connection.request("PURGE", "/", headers={"Surrogate-Key": tags})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def _drop(self) -> None:
        with self._one_at_a_time:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


class HttpCache:
    """`Cdn` of caches that clients reach at `endpoint`, each purged at one of `purge_urls`."""

    def __init__(self, endpoint: str, purge_urls: Sequence[str]) -> None:
        self._endpoint = endpoint.rstrip("/")
        self.edges = tuple(map(Edge, purge_urls))

    def link(self, delivery: Delivery) -> str:
        return self._endpoint + delivery.path

    async def purge(self, tags: Sequence[str]) -> None:
        """All are tried, though some be down."""
        _raise_first(await asyncio.gather(*(edge.purge(tags) for edge in self.edges), return_exceptions=True))

    async def ping(self) -> None:
        _raise_first(await asyncio.gather(*(edge.ping() for edge in self.edges), return_exceptions=True))

    async def close(self) -> None:
        await asyncio.gather(*(edge.close() for edge in self.edges))


def _raise_first(outcomes: Sequence[object]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _chunks(tags: Sequence[str]) -> Iterator[str]:
    """By spaces, as many at a time as a header holds."""
    chunk = ""
    for tag in tags:
        if chunk and len(chunk) + len(tag) >= _HEADER_BYTES:
            yield chunk
            chunk = ""
        chunk = f"{chunk} {tag}" if chunk else tag
    if chunk:
        yield chunk
