"""The published description, held against the API by schemathesis with every check on."""

import pytest
from starlette.testclient import TestClient

from gigaday import compose
from gigaday import settings as configuration


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    node = compose.Node(configuration.load({"GIGADAY_DATA_DIR": str(tmp_path_factory.mktemp("openapi"))}))
    with TestClient(node, raise_server_exceptions=False) as client:
        client.portal.call(node.tenancy.create_tenant, "acme", "Acme", "unlimited")
        _, token = client.portal.call(node.tenancy.create_token, "acme", "test")
        operator = client.portal.call(node.tenancy.operator_token)
        yield client, token, operator


def test_the_description_names_every_route(served):
    client, _, _ = served
    described = client.get("/api/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert {"/api/v1/products", "/api/v1/products/{id}", "/api/v1/products/batch", "/api/v1/products/export",
            "/api/v1/media", "/api/v1/media/{id}/content", "/api/v1/tokens/{id}/rotate", "/api/v1/tenant",
            "/api/v1/admin/tenants"} <= set(described["paths"])  # fmt: skip


def test_examples_work_when_pasted(served):
    client, token, operator = served
    described = client.get("/api/openapi.json").json()
    for path, item in described["paths"].items():
        body = item.get("post", {}).get("requestBody", {}).get("content", {}).get("application/json")
        if body is None or "{id}" in path:
            continue
        who = operator if "/admin/" in path else token
        answer = client.post(path, json=body["example"], headers={"Authorization": f"Bearer {who}"})
        assert answer.status_code in (200, 201), (path, answer.text)
