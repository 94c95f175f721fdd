import asyncio
import json

import pytest

from gigaday.rules import ids

FULL = {
    "name": "Bar stool", "category": "bar", "description": "Oak.", "sku": "BS-1", "status": "active",
    "price": {"amount": 4900, "currency": "EUR"}, "attributes": {"height_cm": 75}, "mediaIds": [],
}  # fmt: skip


async def test_a_product_is_answered_as_it_was_sent_with_the_rest(api):
    answer = await api.call("POST", "/products", json=FULL)
    made = answer.json()
    assert answer.status_code == 201
    assert {name: made[name] for name in FULL} == FULL
    assert (made["createdBy"], made["version"]) == ("acme", 1)
    assert ids.is_id(made["_id"]) and made["createdAt"] == made["updatedAt"]
    assert answer.headers["location"] == f"/api/v1/products/{made['_id']}"
    read = await api.call("GET", f"/products/{made['_id']}")
    assert read.json() == made
    assert read.headers["etag"] == answer.headers["etag"]


async def test_absent_and_null_differ_in_a_patch(api):
    made = await api.product(**FULL)
    answer = await api.call("PATCH", f"/products/{made['_id']}", json={"category": None})
    assert answer.json()["category"] is None
    assert answer.json()["description"] == "Oak."
    assert answer.json()["version"] == 2


async def test_put_replaces_everything_and_needs_if_match(api):
    made = await api.product(**FULL)
    path = f"/products/{made['_id']}"
    assert (await api.call("PUT", path, json={"name": "Stool"})).status_code == 428
    etag = (await api.call("GET", path)).headers["etag"]
    answer = await api.call("PUT", path, json={"name": "Stool"}, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["sku"], answer.json()["price"]) == (200, None, None)
    assert (await api.call("PUT", path, json={"name": "S"}, headers={"If-Match": etag})).status_code == 412


async def test_delete(api):
    made = await api.product()
    path = f"/products/{made['_id']}"
    assert (await api.call("DELETE", path, headers={"If-Match": '"x.9"'})).status_code == 412
    assert (await api.call("DELETE", path)).status_code == 204
    assert (await api.call("GET", path)).status_code == 404
    assert (await api.call("DELETE", path)).status_code == 404


async def test_the_etag_saves_the_body(api):
    made = await api.product()
    path = f"/products/{made['_id']}"
    read = await api.call("GET", path)
    again = await api.call("GET", path, headers={"If-None-Match": read.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await api.call("PATCH", path, json={"name": "Other"})
    assert (await api.call("GET", path, headers={"If-None-Match": read.headers["etag"]})).status_code == 200


async def test_chosen_fields_have_an_etag_of_their_own(api):
    made = await api.product(**FULL)
    path = f"/products/{made['_id']}"
    some = await api.call("GET", path + "?fields=name,price")
    assert set(some.json()) == {"_id", "name", "price"}
    assert some.headers["etag"] != (await api.call("GET", path)).headers["etag"]
    guarded = await api.call("PATCH", path, json={"name": "New"}, headers={"If-Match": some.headers["etag"]})
    assert guarded.status_code == 200


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("{v}", 200), ("{v}-zstd", 200), ("{v}-br", 200), ("{v}.0123abcd", 200), ("{v}.0123abcd-gzip", 200),
        ("{v}-junk", 412), ("{v}.junk", 412), ("{v}.0123abcd.junk", 412), ("{v}-gzip-br", 412), ("{v}-zstdx", 412),
        ("{v}0", 412), ("{v}.0123ABCD", 412),
    ],
)  # fmt: skip
async def test_if_match_takes_the_forms_of_tags_that_are_given_and_no_other(api, form, status):
    made = await api.product()
    path, tag = f"/products/{made['_id']}", form.format(v=f"{made['_id']}.1")
    answer = await api.call("PATCH", path, json={"name": "x"}, headers={"If-Match": f'"other", "{tag}"'})
    assert answer.status_code == status


@pytest.mark.parametrize("header", ["W/{v}", "{v} {v}", "junk{v}", "{v}junk", "*, {v}", "", ","])
async def test_weak_and_malformed_tags_match_nothing(api, header):
    made = await api.product()
    given = header.format(v=f'"{made["_id"]}.1"')
    for method, body in (("PATCH", {"name": "x"}), ("PUT", {"name": "x"}), ("DELETE", None)):
        answer = await api.call(method, f"/products/{made['_id']}", json=body, headers={"If-Match": given})
        assert answer.status_code == 412


async def test_a_star_matches_whatever_is_there(api):
    made = await api.product()
    for method, body in (("PATCH", {"name": "x"}), ("PUT", {"name": "x"}), ("DELETE", None)):
        answer = await api.call(method, f"/products/{made['_id']}", json=body, headers={"If-Match": "*"})
        assert answer.status_code in (200, 204)


async def test_attributes_are_kept_as_they_were_sent(api):
    made = await api.product(attributes={"a": 1.0, "b": 1e300}, price={"amount": 5.0, "currency": "EUR"})
    text = (await api.call("GET", f"/products/{made['_id']}?fields=attributes,price")).text
    assert '"a":1.0' in text and '"b":1e300' in text and '"amount":5,' in text


async def test_a_write_guarded_by_a_version_wins_once(api):
    made = await api.product()
    path = f"/products/{made['_id']}"
    etag = (await api.call("GET", path)).headers["etag"]
    answers = await asyncio.gather(
        *(api.call("PATCH", path, json={"name": f"n{at}"}, headers={"If-Match": etag}) for at in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9


async def test_concurrent_patches_of_different_fields_all_count(api):
    made = await api.product()
    path = f"/products/{made['_id']}"
    changes = [{"category": "bar"}, {"sku": "x"}, {"description": "y"}, {"status": "draft"}]
    await asyncio.gather(*(api.call("PATCH", path, json=change) for change in changes))
    read = (await api.call("GET", path)).json()
    assert (read["category"], read["sku"], read["description"], read["status"]) == ("bar", "x", "y", "draft")
    assert read["version"] == 5


async def pages(api, query: str) -> list[dict]:
    found, following = [], ""
    while True:
        answer = (await api.call("GET", f"/products?{query}{following}")).json()
        found += answer["data"]
        if answer["next"] is None:
            return found
        following = f"&cursor={answer['next']}"


@pytest.mark.parametrize("sort", ["_id", "-_id", "name", "-name", "price.amount", "-price.amount", "createdAt"])
async def test_paging_neither_repeats_nor_misses_what_stood_throughout(api, sort):
    rows = [{"name": f"p{at % 7}", "price": {"amount": at % 5, "currency": "EUR"} if at % 3 else None}
            for at in range(45)]  # fmt: skip
    await api.call("POST", "/products/batch", json={"rows": [{"op": "create", "body": row} for row in rows]})
    standing = {item["_id"] for item in await pages(api, "limit=100")}
    found: list[dict] = []
    following = ""
    while True:
        answer = (await api.call("GET", f"/products?limit=4&sort={sort}{following}")).json()
        found += answer["data"]
        if answer["next"] is None:
            break
        following = f"&cursor={answer['next']}"
        await api.product(name="p3", price={"amount": 2, "currency": "EUR"})
        doomed = (await api.product(name="p3"))["_id"]
        await api.call("DELETE", f"/products/{doomed}")
    seen = [item["_id"] for item in found if item["_id"] in standing]
    assert len(seen) == len(set(seen)) and set(seen) == standing


async def test_filters(api):
    await api.product(name="Trail runner", category="shoes", price={"amount": 5000, "currency": "EUR"})
    await api.product(name="Trail mix", category="food", price={"amount": 500, "currency": "EUR"})
    await api.product(name="Road runner", category="shoes")

    async def names(query: str) -> list[str]:
        return [item["name"] for item in await pages(api, f"sort=name&{query}")]

    assert await names("category=shoes") == ["Road runner", "Trail runner"]
    assert await names("name[prefix]=Trail&price.amount[gte]=1000") == ["Trail runner"]
    assert await names("price.amount[lt]=5000") == ["Trail mix"]
    assert await names("category[in]=food,toys") == ["Trail mix"]
    assert await names("category[ne]=shoes") == ["Trail mix"]
    assert await names("createdAt[gt]=2999-01-01") == []


async def test_a_cursor_of_another_tenant_is_refused(api):
    for at in range(3):
        await api.product(name=str(at))
    cursor = (await api.call("GET", "/products?limit=1")).json()["next"]
    answer = await api.call("GET", f"/products?limit=1&cursor={cursor}", token=api.other)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_cursor")


async def test_a_batch_has_a_result_per_row(api):
    one, two = await api.product(name="one"), await api.product(name="two")
    rows = [
        {"op": "create", "body": {"name": "new"}},
        {"op": "create", "body": {"nam": "new"}},
        {"op": "update", "id": one["_id"], "body": {"category": "c"}},
        {"op": "update", "id": two["_id"], "version": 9, "body": {"category": "c"}},
        {"op": "delete", "id": two["_id"]},
        {"op": "delete", "id": two["_id"]},
        {"op": "delete", "id": ids.make(0, b"\0" * 10)},
        {"op": "update", "id": one["_id"]},
        {"op": "create", "body": {"name": "x", "mediaIds": [ids.make(0, b"\0" * 10)]}},
    ]
    answer = await api.call("POST", "/products/batch", json={"rows": rows})
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 422, 200, 412, 204, 409, 404, 422, 422]
    assert {fault["pointer"] for fault in results[1]["errors"]} == {"/body/name", "/body/nam"}
    names = {item["name"]: item["category"] for item in await pages(api, "")}
    assert names == {"new": None, "one": "c"}


async def test_a_batch_takes_a_thousand_rows_and_no_more(api):
    row = {"op": "create", "body": {"name": "x"}}
    assert (await api.call("POST", "/products/batch", json={"rows": [row] * 1000})).status_code == 200
    assert (await api.call("POST", "/products/batch", json={"rows": [row] * 1001})).status_code == 422


async def test_a_batch_row_that_is_junk_fails_alone(api):
    rows = [
        '{"op":"create","body":{"name":"a","name":"b"}}',
        '{"op":"create","body":{"name":"x","attributes":{"$gt":1}}}',
        '{"op":"create","body":{"name":"%s"}}' % ("x" * (1 << 20)),
        '{"op":"create","body":{"name":"good"}}',
        '{"op":"create","body":null}',
    ]
    body = '{{"rows":[{}]}}'.format(",".join(rows))
    answer = await api.call("POST", "/products/batch", content=body, headers={"Content-Type": "application/json"})
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [400, 422, 413, 201, 422]
    assert [result["errors"][0]["pointer"] for result in results if "errors" in result] == [
        "/body", "/body/attributes/$gt", "/body", "/body",
    ]  # fmt: skip


async def test_a_batch_names_a_fault_of_each_row_and_about_a_hundred_more(api):
    rows = [{"op": "create", "body": {f"f{at}": 1 for at in range(300)}}] * 1000
    answer = await api.call("POST", "/products/batch", json={"rows": rows})
    errors = [result["errors"] for result in answer.json()["results"]]
    assert len(errors) == 1000 and all(errors)
    assert sum(len(found) for found in errors) <= 2200
    assert "more" in errors[-1][-1]["detail"]
    assert len(answer.content) < 500_000


async def test_export_streams_everything(api):
    made = [await api.product(name=f"n{at}") for at in range(3)]
    answer = await api.call("GET", "/products/export")
    assert [json.loads(line)["name"] for line in answer.text.splitlines()] == [item["name"] for item in made]
    table = await api.call("GET", "/products/export?format=csv")
    assert len(table.text.splitlines()) == 4
    assert (await api.call("GET", "/products/export?format=xml")).status_code == 400


async def test_the_same_key_and_request_replays(api):
    headers = {"Idempotency-Key": "k-1"}
    first = await api.call("POST", "/products", json={"name": "once"}, headers=headers)
    again = await api.call("POST", "/products", json={"name": "once"}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["etag"] == first.headers["etag"]
    assert len(await pages(api, "")) == 1
    other = await api.call("POST", "/products", json={"name": "twice"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    theirs = await api.call("POST", "/products", token=api.other, json={"name": "mine"}, headers=headers)
    assert theirs.json()["name"] == "mine"


async def test_of_concurrent_requests_with_one_key_one_runs(api):
    headers = {"Idempotency-Key": "k-2"}
    answers = await asyncio.gather(
        *(api.call("POST", "/products", json={"name": "once"}, headers=headers) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(await pages(api, "")) == 1


async def test_a_refused_request_leaves_its_key_free(api):
    headers = {"Idempotency-Key": "k-3"}
    assert (await api.call("POST", "/products", json={}, headers=headers)).status_code == 422
    assert (await api.call("POST", "/products", json={"name": "now"}, headers=headers)).status_code == 201


async def test_what_another_tenant_owns_is_as_if_missing(api):
    made = await api.product()
    missing = ids.make(0, b"\0" * 10)
    for method, body in (("GET", None), ("PATCH", {"name": "x"}), ("DELETE", None)):
        theirs = await api.call(method, f"/products/{made['_id']}", token=api.other, json=body)
        none = await api.call(method, f"/products/{missing}", token=api.other, json=body)
        assert theirs.status_code == none.status_code == 404
        assert {**theirs.json(), "request_id": ""} == {**none.json(), "request_id": ""}
    assert (await api.call("GET", "/products", token=api.other)).json()["data"] == []
