"""The published description, held against a served node by schemathesis with every check on."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from gigaday import compose, settings
from tests.servers.node import Node

HERE = Path(__file__).parent


async def _tokens(configured) -> tuple[str, str]:
    async with compose.open_backends(configured) as backends:
        work = compose.tenancy(backends, configured)
        await work.create_tenant("acme", "Acme", "unlimited")
        _, token = await work.create_token("acme", "test")
        return token, await work.operator_token() or ""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("openapi")
    environ = {"GIGADAY_DATA_DIR": str(folder), "GIGADAY_ANONYMOUS_QUOTA": "1000000"}
    token, operator = asyncio.run(_tokens(settings.load(environ)))
    node = Node(environ, folder / "node.log").start()
    yield node.url, token, operator
    node.kill()


def test_the_description_names_every_route(served):
    described = httpx.get(served[0] + "/api/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert {
        "/api/v1/products", "/api/v1/products/{id}", "/api/v1/products/batch", "/api/v1/products/export",
        "/api/v1/media", "/api/v1/media/{id}/content", "/api/v1/tokens/{id}/rotate", "/api/v1/tenant",
        "/api/v1/admin/tenants",
    } <= set(described["paths"])  # fmt: skip


def test_examples_work_when_pasted(served):
    url, token, operator = served
    described = httpx.get(url + "/api/openapi.json").json()
    for path, item in described["paths"].items():
        body = item.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if body is None or "{id}" in path:
            continue
        who = operator if "/admin/" in path else token
        answer = httpx.post(url + path, json=body["example"], headers={"Authorization": f"Bearer {who}"})
        # Files of this node lie in its folder, where no client can send any by itself.
        expected = (409,) if path.endswith("/presigned") else (200, 201)
        assert answer.status_code in expected, (path, answer.text)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", ["tenant", "operator"])
def test_the_api_does_what_its_description_says(served, part, tmp_path):
    url, token, operator = served
    choice = ["--include-path-regex" if part == "operator" else "--exclude-path-regex", "/admin/"]
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml"),
        "run", url + "/api/openapi.json", "--checks", "all", "--max-examples", "15", "--seed", "1",
        "-H", f"Authorization: Bearer {operator if part == 'operator' else token}", *choice,
    ]  # fmt: skip
    hooks = {**os.environ, "SCHEMATHESIS_HOOKS": str(HERE / "schemathesis_hooks.py")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=hooks, timeout=280, check=False)
    assert done.returncode == 0, done.stdout[-6000:]
