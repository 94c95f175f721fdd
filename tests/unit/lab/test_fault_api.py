"""The fault proxy as the process that it is, driven over HTTP."""

import asyncio
import json
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from gigaday.errors import ApiError
from gigaday.lab.faults import Faults, Toxic, command
from tests.servers import free_ports
from tests.unit.lab.conftest import Client


@pytest.fixture
def faults(echo, tmp_path: Path) -> Iterator[Faults]:
    """A process with a proxy `echo`; it has to end well."""
    port, listen = free_ports(2)
    file = tmp_path / "proxies.json"
    file.write_text(json.dumps([{"name": "echo", "listen": f"127.0.0.1:{listen}", "upstream": echo[1]}]))
    process = subprocess.Popen(command(f"127.0.0.1:{port}", file))
    started = Faults(f"http://127.0.0.1:{port}")
    deadline = time.monotonic() + 20
    while not started.ready():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    yield started
    process.terminate()
    assert process.wait(10) == 0
    assert not started.ready()


async def client(faults: Faults, name: str = "echo") -> Client:
    listen = (await asyncio.to_thread(faults.proxies))[name]["listen"]
    return Client(*await asyncio.open_connection(*listen.split(":")))


async def test_faults_begin_and_end_over_http(faults) -> None:
    connection = await client(faults)
    assert await connection.timed(b"x") < 0.1
    name = await asyncio.to_thread(faults.add, "echo", Toxic(type="latency", attributes={"latency": 200}))
    assert await connection.timed(b"x") > 0.19
    await asyncio.to_thread(faults.remove, "echo", name)
    assert await connection.timed(b"x") < 0.19
    await asyncio.to_thread(faults.down, "echo")
    with pytest.raises(ConnectionRefusedError):
        await client(faults)
    await asyncio.to_thread(faults.up, "echo")
    assert await (await client(faults)).ask(b"y") == b"y"


async def test_reset_ends_every_fault(faults) -> None:
    await asyncio.to_thread(faults.add, "echo", Toxic(type="timeout"))
    await asyncio.to_thread(faults.down, "echo")
    await asyncio.to_thread(faults.reset)
    assert (await asyncio.to_thread(faults.proxies))["echo"]["toxics"] == []
    assert await (await client(faults)).ask(b"z") == b"z"


async def test_a_proxy_may_be_made_later_at_a_port_that_the_system_gives(faults, echo) -> None:
    made = await asyncio.to_thread(faults.create, "second", "127.0.0.1:0", echo[1])
    assert not made["listen"].endswith(":0")
    assert await (await client(faults, "second")).ask(b"x") == b"x"
    await asyncio.to_thread(faults.delete, "second")
    assert set(await asyncio.to_thread(faults.proxies)) == {"echo"}


async def test_a_refusal_says_why(faults) -> None:
    def refused(use) -> str:
        with pytest.raises(ApiError) as caught:
            use()
        return str(caught.value)

    assert "no proxy 'nobody'" in refused(lambda: faults.down("nobody"))
    assert "no toxic 'gremlins'" in refused(lambda: faults.add("echo", Toxic(type="gremlins")))
    assert "cannot be listened on" in refused(
        lambda: faults.create("again", faults.proxies()["echo"]["listen"], "127.0.0.1:1")
    )
    assert "no address" in refused(lambda: faults.create("wrong", "here", "there"))


def test_a_toxic_is_changed_where_it_stands(faults) -> None:
    faults.add("echo", Toxic(type="latency", name="slow", attributes={"latency": 10}))
    api = HTTPConnection(faults.address)
    api.request("POST", "/proxies/echo/toxics/slow", json.dumps({"attributes": {"jitter": 5}}))
    assert json.load(api.getresponse())["attributes"] == {"latency": 10, "jitter": 5}
    api.request("GET", "/proxies/echo/toxics/slow")
    assert json.load(api.getresponse())["attributes"] == {"latency": 10, "jitter": 5}
    api.close()
