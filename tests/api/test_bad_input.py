"""Whatever is sent: a 4xx problem that says what to change."""

import pytest

PRODUCT = "/products"


def assert_problem(answer, status: int, code: str | None = None) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert {"type", "title", "status", "detail", "code", "request_id"} <= set(body)
    assert (body["status"], body["request_id"]) == (status, answer.headers["x-request-id"])
    assert code is None or body["code"] == code


async def send(api, body: bytes, kind: str = "application/json"):
    return await api.call("POST", PRODUCT, content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b'{"name":"a","name":"b"}', b'{"name":NaN}', b'{"name":"\xff"}', b"[" * 50_000,
        b'{"name":"\\ud800"}', b'{"name":"x","attributes":{"$where":"1"}}', b'{"name":"x","attributes":{"a.b":1}}',
        b'{"name":"x\\u0000y"}', b'{"name":"x","attributes":{"n":1e999}}', b'{"name":"x","price":{"$gt":""}}',
        b'{"$set":{"name":"x"}}', b'{"name":"x","attributes":{"n":123456789012345678901234567890}}',
    ],
)  # fmt: skip
async def test_what_cannot_be_stored_is_a_problem(api, body):
    answer = await send(api, body)
    assert_problem(answer, 422 if answer.status_code == 422 else 400)


@pytest.mark.parametrize(
    "body", [b"[]", b"null", b"3", b'"x"', b'{"name":3}', b'{"name":""}', b'{"_id":"x","name":"y"}']
)
async def test_what_does_not_validate_names_its_faults(api, body):
    answer = await send(api, body)
    assert_problem(answer, 422, "invalid")
    assert answer.json()["errors"]


async def test_a_large_body_is_413(api):
    assert_problem(await send(api, b'{"name":"' + b"x" * (2 << 20) + b'"}'), 413)


@pytest.mark.parametrize(
    "row",
    [
        "1", "[]", "{}", '{"$":1}', '{"op":"create"}', '{"op":"create","body":3}', '{"op":"%s"}' % ("x" * 1_000_000),
        '{"op":"create","body":{"%s":1}}' % ("$" * 900_000),
        '{{"op":"create","body":{{"name":"x","attributes":{{"a":[{}]}}}}}}'.format(",".join(['{"$":1}'] * 100_000)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("count", [1, 10, 1001])
async def test_a_batch_of_junk_gets_a_short_answer(api, row, count):
    rows = [row] * min(count, max(1, (8 << 20) // len(row)))
    body = f'{{"rows":[{",".join(rows)}]}}'.encode()
    answer = await api.call("POST", "/products/batch", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 422)
    errors = [*answer.json().get("errors", [])]
    errors += [fault for result in answer.json().get("results", []) for fault in result["errors"]]
    assert 1 <= len(errors) <= 150
    assert len(answer.content) < 100_000


async def test_a_wrong_content_type_is_415(api):
    assert_problem(await send(api, b"name=x", "application/x-www-form-urlencoded"), 415)
    assert_problem(await send(api, b"{}", "text/plain"), 415)


async def test_a_wrong_method_is_405_with_allow(api):
    answer = await api.call("PATCH", PRODUCT, json={})
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


@pytest.mark.parametrize("id", ["x", "../x", "%2e%2e%2fx", "$gt", "a" * 26 + "%00", "ü", "x" * 500])
async def test_no_id_at_all_is_404(api, id):
    assert_problem(await api.call("GET", f"{PRODUCT}/{id}"), 404)


@pytest.mark.parametrize("path", ["/nothing", "/products/x/y/z", "/", ""])
async def test_no_path_at_all_is_404(api, path):
    assert_problem(await api.call("GET", path), 404)


@pytest.mark.parametrize("query", ["limit=0", "sort=x", "name[$regex]=.*", "a=1", "name=%ff", "cursor=x", "%00=1"])
async def test_a_wrong_query_is_400(api, query):
    assert_problem(await api.call("GET", f"{PRODUCT}?{query}"), 400)


async def test_without_a_token_401_and_with_too_little_403(api):
    assert_problem(await api.http.get("/api/v1/products"), 401)
    for header in ("Bearer gd_x", "Bearer", "Basic abc", "Bearer " + "x" * 5000):
        assert_problem(await api.http.get("/api/v1/products", headers={"Authorization": header}), 401)
    weak = await api.call("POST", "/tokens", json={"name": "weak", "scopes": ["media:read"]})
    answer = await api.call("GET", PRODUCT, token=weak.json()["token"])
    assert_problem(answer, 403, "forbidden")
    assert "products:read" in answer.json()["detail"]
    assert_problem(await api.call("GET", "/admin/tenants"), 403)


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "ü"])
async def test_a_wrong_idempotency_key_is_400(api, key):
    headers = {"Idempotency-Key": key.encode()}
    assert_problem(await api.call("POST", PRODUCT, json={"name": "x"}, headers=headers), 400)


async def test_answers_name_no_framework(api):
    answer = await api.call("GET", PRODUCT)
    assert answer.headers["server"] == "gigaday"
    assert "x-powered-by" not in answer.headers
