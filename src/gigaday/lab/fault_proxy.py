"""TCP proxies that fail on request: each listens on an address of its own and passes on to one server."""

import asyncio
from collections.abc import Mapping
from random import Random
from typing import Any

import msgspec

from gigaday.errors import BadRequest, Conflict, NotFound
from gigaday.lab.link import Course, Link
from gigaday.lab.toxics import Budget, Toxic, checked


class Proxy:
    """One listener. While `enabled` is False it refuses connections, and has cut those it had."""

    def __init__(self, name: str, listen: str, upstream: str, random: Random) -> None:
        self.name, self.listen, self.upstream = name, listen, upstream
        _address(listen), _address(upstream)
        self._random = random
        self._courses: dict[str, Course] = {}
        self._links: set[Link] = set()
        self._server: asyncio.Server | None = None

    @property
    def enabled(self) -> bool:
        return self._server is not None

    @property
    def toxics(self) -> dict[str, Toxic]:
        return {name: toxic for name, (toxic, _) in self._courses.items()}

    async def up(self) -> None:
        """Raises Conflict where the address is taken."""
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._accept, *_address(self.listen), backlog=1024)
        except OSError as error:
            raise Conflict(f"{self.listen} cannot be listened on: {error.strerror}") from error
        host, port = self._server.sockets[0].getsockname()[:2]
        self.listen = f"{host}:{port}"

    async def down(self) -> None:
        """Refuses new connections and cuts those it has."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in list(self._links):
            link.end("close")
        await asyncio.sleep(0)

    def add(self, toxic: Toxic) -> Toxic:
        """Puts it on every connection, those that are open included. Raises BadRequest, Conflict."""
        toxic = checked(toxic)
        if toxic.name in self._courses:
            raise Conflict(f"{self.name} has a toxic {toxic.name!r} already.")
        course = (toxic, Budget(toxic.attributes.get("times", float("inf"))))
        self._courses[toxic.name] = course
        for link in list(self._links):
            link.infect(course)
        return toxic

    def toxic(self, name: str) -> Toxic:
        """Raises NotFound."""
        if name not in self._courses:
            raise NotFound(f"{self.name} has no toxic {name!r}.")
        return self._courses[name][0]

    def remove(self, name: str) -> None:
        """Raises NotFound."""
        self.toxic(name)
        del self._courses[name]
        for link in list(self._links):
            link.cure(name)

    def describe(self) -> dict[str, Any]:
        toxics = [msgspec.to_builtins(toxic) for toxic in self.toxics.values()]
        return {
            "name": self.name, "listen": self.listen, "upstream": self.upstream, "enabled": self.enabled,
            "toxics": toxics, "connections": len(self._links),
        }  # fmt: skip

    def _accept(self) -> asyncio.Protocol:
        link = Link(
            _address(self.upstream),
            list(self._courses.values()),
            self._links.discard,
            self._random,
            asyncio.get_running_loop(),
        )
        return _Accepted(link, self._links)


class _Accepted(asyncio.Protocol):
    """Hands the socket of a new client to its link."""

    def __init__(self, link: Link, links: set[Link]) -> None:
        self._link, self._links = link, links

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._links.add(self._link)
        self._link.client.connection_made(transport)
        transport.set_protocol(self._link.client)
        self._link.begin()


class Proxies:
    """All of one process, by name."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._all: dict[str, Proxy] = {}

    def __getitem__(self, name: str) -> Proxy:
        if name not in self._all:
            raise NotFound(f"There is no proxy {name!r}.")
        return self._all[name]

    async def create(self, name: str, listen: str, upstream: str, enabled: bool = True) -> Proxy:
        """Raises BadRequest, Conflict."""
        if name in self._all:
            raise Conflict(f"There is a proxy {name!r} already.")
        proxy = Proxy(name, listen, upstream, self._random)
        if enabled:
            await proxy.up()
        self._all[name] = proxy
        return proxy

    async def delete(self, name: str) -> None:
        """Raises NotFound."""
        await self[name].down()
        del self._all[name]

    async def reset(self) -> None:
        """Takes off every toxic and enables every proxy."""
        for proxy in self._all.values():
            for name in proxy.toxics:
                proxy.remove(name)
            await proxy.up()

    async def close(self) -> None:
        for proxy in self._all.values():
            await proxy.down()

    def describe(self) -> Mapping[str, Any]:
        return {name: proxy.describe() for name, proxy in self._all.items()}


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise BadRequest(f"{text!r} is no address; one is host:port.")
    return host, int(port)
