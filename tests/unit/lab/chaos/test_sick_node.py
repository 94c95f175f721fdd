"""The server that takes a node's place and fails."""

import asyncio

from gigaday.lab.chaos import sick_node
from gigaday.lab.chaos.client import Client
from tests.servers import free_ports


async def test_it_says_it_is_ready_and_fails_everything_else():
    [port] = free_ports(1)
    serving = asyncio.create_task(sick_node.serve(port))
    client = Client([f"127.0.0.1:{port}"], "any")
    while (ready := await client.request("GET", "/readyz")).status == 0:
        await asyncio.sleep(0.01)
    assert ready.status == 200
    failed = await client.request("POST", "/api/v1/products", {"name": "x"})
    assert (failed.status, failed.json()["code"]) == (500, "internal")
    assert (await client.request("GET", "/api/v1/products")).status == 500
    await client.close()
    serving.cancel()
