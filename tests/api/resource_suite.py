"""What every declared resource must do, from its declaration alone."""

from typing import Any

from gigaday.api.declaration import Resource
from gigaday.rules import ids
from tests.api.conftest import Api


async def it_creates_reads_changes_and_deletes(api: Api, resource: Resource, example: dict[str, Any]) -> None:
    made = await api.call("POST", f"/{resource.name}", json=example)
    assert made.status_code == 201, made.text
    path = f"/{resource.name}/{made.json()['_id']}"
    assert (await api.call("GET", path)).json() == made.json()
    [(field, value), *_] = [item for item in example.items() if item[0] in fields_of(resource.patch)]
    changed = await api.call("PATCH", path, json={field: value}, headers={"If-Match": made.headers["etag"]})
    assert changed.json()["version"] == 2
    again = await api.call("PATCH", path, json={field: value}, headers={"If-Match": made.headers["etag"]})
    assert again.status_code == 412
    assert (await api.call("DELETE", path)).status_code == 204
    assert (await api.call("GET", path)).status_code == 404


async def it_names_every_fault(api: Api, resource: Resource) -> None:
    answer = await api.call("POST", f"/{resource.name}", json={"createdBy": "x", "unheardOf": 1})
    assert answer.status_code == 422
    assert {"/createdBy", "/unheardOf"} <= {fault["pointer"] for fault in answer.json()["errors"]}


async def it_pages_without_repeats_or_gaps(api: Api, resource: Resource, example: dict[str, Any]) -> None:
    rows = [{"op": "create", "body": example}] * 23
    answer = await api.call("POST", f"/{resource.name}/batch", json={"rows": rows})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    made = {result["id"] for result in results}
    for sort in [sign + name for name in resource.sorts for sign in ("", "-")]:
        seen, following = [], ""
        while following is not None:
            query = f"limit=5&sort={sort}" + (f"&cursor={following}" if following else "")
            page = (await api.call("GET", f"/{resource.name}?{query}")).json()
            seen += [item["_id"] for item in page["data"]]
            following = page["next"]
        assert len(seen) == len(set(seen)) and set(seen) == made, sort


async def it_keeps_tenants_apart(api: Api, resource: Resource, example: dict[str, Any]) -> None:
    made = (await api.call("POST", f"/{resource.name}", json=example)).json()["_id"]
    for id in (made, ids.make(0, b"\0" * 10)):
        for method, body in (("GET", None), ("PATCH", {}), ("DELETE", None)):
            answer = await api.call(method, f"/{resource.name}/{id}", token=api.other, json=body)
            assert answer.status_code == 404
    assert (await api.call("GET", f"/{resource.name}", token=api.other)).json()["data"] == []
    assert (await api.call("GET", f"/{resource.name}/export", token=api.other)).text == ""


async def it_is_described(api: Api, resource: Resource) -> None:
    described = (await api.http.get("/api/openapi.json")).json()
    paths = described["paths"]
    assert set(paths[resource.path]) == {"get", "post"}
    parameters = {parameter["name"] for parameter in paths[resource.path]["get"]["parameters"]}
    assert set(resource.filters) <= parameters
    assert resource.answer.__name__ in described["components"]["schemas"]


def fields_of(kind: type) -> set[str]:
    return set(kind.__struct_fields__)
