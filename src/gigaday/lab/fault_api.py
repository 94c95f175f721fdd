"""The fault proxies over HTTP, as toxiproxy has it; run as a module it serves them in a process of its own."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import msgspec
import uvloop
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gigaday import __version__
from gigaday.errors import ApiError, BadRequest
from gigaday.lab.fault_proxy import Proxies, Proxy
from gigaday.lab.toxics import Toxic

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


class NewProxy(msgspec.Struct, frozen=True):
    """As it is sent."""

    name: str
    listen: str
    upstream: str
    enabled: bool = True


class ProxyPatch(msgspec.Struct, frozen=True):
    """As it is sent."""

    enabled: bool


def app(proxies: Proxies) -> Starlette:
    """The API over `proxies`."""
    paths = [
        ("/version", {"GET": _version}),
        ("/proxies", {"GET": _list, "POST": _create}),
        ("/populate", {"POST": _populate}),
        ("/reset", {"POST": _reset}),
        ("/proxies/{proxy}", {"GET": _show, "POST": _switch, "DELETE": _delete}),
        ("/proxies/{proxy}/toxics", {"GET": _toxics, "POST": _add}),
        ("/proxies/{proxy}/toxics/{toxic}", {"GET": _toxic, "POST": _replace, "DELETE": _remove}),
    ]
    made = Starlette(
        routes=[
            Route(path, handler, methods=[method]) for path, handlers in paths for method, handler in handlers.items()
        ],
        exception_handlers={ApiError: _problem},
    )
    made.state.proxies = proxies
    return made


async def _version(request: Request) -> Response:
    return _json({"version": __version__})


async def _list(request: Request) -> Response:
    return _json(_proxies(request).describe())


async def _create(request: Request) -> Response:
    return _json((await _made(_proxies(request), _read(await request.body(), NewProxy))).describe(), 201)


async def _populate(request: Request) -> Response:
    wanted = _read(await request.body(), list[NewProxy])
    made = [(await _made(_proxies(request), new)).describe() for new in wanted]
    return _json({"proxies": made}, 201)


async def _reset(request: Request) -> Response:
    await _proxies(request).reset()
    return Response(status_code=204)


async def _show(request: Request) -> Response:
    return _json(_proxy(request).describe())


async def _switch(request: Request) -> Response:
    proxy = _proxy(request)
    if _read(await request.body(), ProxyPatch).enabled:
        await proxy.up()
    else:
        await proxy.down()
    return _json(proxy.describe())


async def _delete(request: Request) -> Response:
    await _proxies(request).delete(request.path_params["proxy"])
    return Response(status_code=204)


async def _toxics(request: Request) -> Response:
    return _json(_proxy(request).describe()["toxics"])


async def _add(request: Request) -> Response:
    return _json(_proxy(request).add(_read(await request.body(), Toxic)))


async def _toxic(request: Request) -> Response:
    return _json(_proxy(request).toxic(request.path_params["toxic"]))


async def _replace(request: Request) -> Response:
    """Keeps what is not stated."""
    proxy, name = _proxy(request), request.path_params["toxic"]
    old = proxy.toxic(name)
    stated = _read(await request.body(), dict[str, Any])
    attributes = {**old.attributes, **stated.get("attributes", {})}
    new = _convert({**msgspec.to_builtins(old), **stated, "attributes": attributes, "name": name}, Toxic)
    proxy.remove(name)
    return _json(proxy.add(new))


async def _remove(request: Request) -> Response:
    _proxy(request).remove(request.path_params["toxic"])
    return Response(status_code=204)


async def _problem(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, ApiError) else 500
    return _json({"error": str(error), "status": status}, status)


def _proxies(request: Request) -> Proxies:
    proxies: Proxies = request.app.state.proxies
    return proxies


def _proxy(request: Request) -> Proxy:
    return _proxies(request)[request.path_params["proxy"]]


async def _made(proxies: Proxies, new: NewProxy) -> Proxy:
    return await proxies.create(new.name, new.listen, new.upstream, new.enabled)


def _read(body: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.MsgspecError as error:
        raise BadRequest(str(error)) from error


def _convert(value: object, type_: type[T]) -> T:
    try:
        return msgspec.convert(value, type_)
    except msgspec.MsgspecError as error:
        raise BadRequest(str(error)) from error


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def serve(address: str, wanted: list[NewProxy], stopped: asyncio.Event) -> None:
    """Serves the API at host:port, and the proxies, until `stopped`."""
    proxies = Proxies(Random())  # noqa: S311 - which connections suffer is no secret
    for new in wanted:
        await _made(proxies, new)
    host, _, port = address.rpartition(":")
    server = Server(
        app(proxies), address=host, port=int(port), interface=Interfaces.ASGI, websockets=False,
        log_level=LogLevels.warning,
    )  # fmt: skip
    serving = asyncio.create_task(server.serve())
    await stopped.wait()
    server.stop()  # type: ignore[no-untyped-call]  # granian's own
    await serving
    await proxies.close()


async def _main(address: str, file: str | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    wanted = _read(await asyncio.to_thread(Path(file).read_bytes), list[NewProxy]) if file else []
    await serve(address, wanted, stopped)


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
