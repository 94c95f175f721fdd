"""The cache under abuse: however it is asked, nobody is given what is another's, or what is over."""

import asyncio
import json

import pytest

from tests.api.conftest import running

NOT_HOT = {"X-Nothing": "a header that the shortest way does not know"}


async def warm(api, path, token=None, **headers):
    """Asks until the shortest way answers."""
    for _ in range(3):
        answer = await api.call("GET", path, token, headers=headers)
    return answer


async def scoped(api, *scopes):
    """Another token of the same tenant."""
    answer = await api.call("POST", "/tokens", json={"name": "other", "scopes": list(scopes)})
    assert answer.status_code == 201, answer.text
    return answer.json()["token"]


async def seen(api, id):
    """The item's and the lists' view of an item, each warmed before by whoever asked."""
    item = await api.call("GET", f"/products/{id}")
    chosen = await api.call("GET", f"/products/{id}?fields=name")
    listed = await api.call("GET", "/products?limit=100")
    found = {shown["_id"]: shown for shown in listed.json()["data"]}
    assert (item.status_code, chosen.status_code) in ((200, 200), (404, 404))
    assert (item.status_code == 200) is (id in found)
    if item.status_code == 200:
        assert found[id] == item.json()
        assert chosen.json()["name"] == item.json()["name"]
    return item.json().get("name")


@pytest.fixture
async def upload(api):
    async def upload(content=b"some text"):
        answer = await api.call("POST", "/media?filename=a.txt", content=content,
                                headers={"Content-Type": "application/octet-stream"})  # fmt: skip
        assert answer.status_code == 201, answer.text
        return answer.json()["_id"]

    return upload


async def test_every_kind_of_write_is_seen_by_the_next_read(api):
    made = [await api.product(name=f"Stool {n}") for n in range(3)]
    id = made[0]["_id"]
    for number, write in enumerate(("patch", "put", "batch", "large batch", "delete by batch")):
        old = await seen(api, id)
        assert old == await seen(api, id)
        name = f"{write} {number}"
        etag = (await api.call("GET", f"/products/{id}")).headers["etag"]
        if write == "patch":
            answer = await api.call("PATCH", f"/products/{id}", json={"name": name})
        elif write == "put":
            answer = await api.call("PUT", f"/products/{id}", json={"name": name}, headers={"If-Match": etag})
        elif write == "batch":
            rows = [{"op": "update", "id": id, "body": {"name": name}}]
            answer = await api.call("POST", "/products/batch", json={"rows": rows})
        elif write == "large batch":
            rows = [{"op": "create", "body": {"name": f"n{n}"}} for n in range(60)]
            rows.append({"op": "update", "id": id, "body": {"name": name}})
            answer = await api.call("POST", "/products/batch", json={"rows": rows})
        else:
            name, rows = None, [{"op": "delete", "id": id}]
            answer = await api.call("POST", "/products/batch", json={"rows": rows})
        assert answer.status_code == 200, answer.text
        assert await seen(api, id) == name


async def test_taking_a_medium_out_of_products_is_seen_in_them_at_once(api, upload):
    medium = await upload()
    product = await api.product(mediaIds=[medium])
    paths = [f"/products/{product['_id']}", f"/products?mediaIds={medium}", f"/media/{medium}", "/media"]
    for path in paths:
        assert (await warm(api, path)).status_code == 200
    assert (await api.call("PATCH", f"/media/{medium}", json={"alt": "Oak"})).status_code == 200
    assert (await api.call("GET", paths[2])).json()["alt"] == "Oak"
    assert (await api.call("GET", paths[3])).json()["data"][0]["alt"] == "Oak"
    assert (await api.call("DELETE", f"/media/{medium}?detach=true")).status_code == 204
    assert (await api.call("GET", paths[0])).json()["mediaIds"] == []
    assert (await api.call("GET", paths[1])).json()["data"] == []
    assert (await api.call("GET", paths[2])).status_code == 404
    assert (await api.call("GET", paths[3])).json()["data"] == []
    assert (await api.call("GET", f"/media/{medium}/content")).status_code == 404


async def test_a_list_known_to_be_empty_shows_what_is_made(api, upload):
    for path in ("/products", "/products?category=bar", "/media"):
        assert (await warm(api, path)).json()["data"] == []
    await asyncio.gather(api.product(category="bar"), upload())
    for path in ("/products", "/products?category=bar", "/media"):
        assert len((await api.call("GET", path)).json()["data"]) == 1


async def test_a_warm_answer_is_not_for_a_token_without_its_scope(api):
    made = await api.product()
    paths = [f"/products/{made['_id']}", "/products"]
    writer, media = await scoped(api, "products:write", "tokens:read"), await scoped(api, "media:read")
    for path in paths:
        await warm(api, path)
        for token in (writer, media, api.operator):
            for _ in range(2):
                answer = await api.call("GET", path, token)
                assert (answer.status_code, "etag" in answer.headers) == (403, False)
        assert (await api.call("GET", path)).status_code == 200


async def test_a_revoked_token_gets_nothing_that_is_warm(api):
    token = await scoped(api, "products:read")
    made = await api.product()
    assert (await warm(api, f"/products/{made['_id']}", token)).headers["cache-status"] == "gigaday; hit"
    [id] = [t["_id"] for t in (await api.call("GET", "/tokens")).json()["data"] if t["name"] == "other"]
    assert (await api.call("DELETE", f"/tokens/{id}")).status_code in (200, 204)
    assert (await api.call("GET", f"/products/{made['_id']}", token)).status_code == 401


async def test_a_suspended_tenant_gets_nothing_that_is_warm(api):
    made = await api.product()
    await warm(api, f"/products/{made['_id']}")
    changed = await api.call("PATCH", "/admin/tenants/acme", api.operator, json={"status": "suspended"})
    assert changed.status_code == 200, changed.text
    assert (await api.call("GET", f"/products/{made['_id']}")).status_code == 403
    await api.call("PATCH", "/admin/tenants/acme", api.operator, json={"status": "active"})
    assert (await api.call("GET", f"/products/{made['_id']}")).status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        "name[prefix]=A%26limit=1", "category=a&category=b", "category=b&category=a", "sort=name&sort=-name",
        "limit=1&limit=2", "limit=2&limit=1", "fields=name&fields=price", "fields=price&fields=name", "fields=",
        "limit", "limit=", "=", "&&", "%3Flimit=1", "limit=%31", "limit=1;x", "limit=1%00", "limit=%FF", "name=%C3%28",
        "a=1&" * 41, "name=" + "x" * 3_000, "limit=1#", "name[in]=a,b", "name%5Bin%5D=a%2Cb", "limit=+1", "limit=1 ",
        "LIMIT=1", "name=é", "name=%C3%A9", "name=e%CC%81", "cursor=x", "name[bogus]=1",
    ],
)  # fmt: skip
async def test_every_spelling_of_a_query_is_answered_as_if_nothing_were_cached(api, asked):
    """What a warm cache says of it is what a node says that never heard of it before."""
    for name, category in (("A&limit=1", "a"), ("B", "b"), ("é", "a"), ("a", "b")):
        await api.product(name=name, category=category)
    direct = {"X-Consistency-Token": "nobody.1", **NOT_HOT}
    for path in (f"/products?{asked}", f"/products/{'0' * 26}?{asked}"):
        fresh = await api.call("GET", path, headers=direct)
        told = [await api.call("GET", path, headers=headers) for headers in ({}, {}, NOT_HOT, direct)]
        for answer in told:
            assert answer.status_code == fresh.status_code
            assert known(answer) == known(fresh)
            assert answer.headers.get("etag") == fresh.headers.get("etag")


def known(answer):
    told = answer.json()
    told.pop("request_id", None)
    return told


@pytest.mark.parametrize(
    "spelling",
    ["{path}%3Flimit=1", "{path}%3F", "{path}?%3F", "{path}%20", "%20{path}", "{path}%00", "{path}%0A", "{path}%FF",
     "{path}%ED%A0%80", "{path}//", "/{path}", "{path}/%2e%2e/products", "{path};a=b", "{path}%23a"],
)  # fmt: skip
async def test_no_spelling_of_a_path_reaches_another_answer(api, spelling):
    made = await api.product()
    for path in ("/products", f"/products/{made['_id']}"):
        await warm(api, path)
        await warm(api, f"{path}?limit=1" if path == "/products" else f"{path}?fields=name")
        answers = [await api.call("GET", spelling.format(path=path)) for _ in range(3)]
        assert len({(a.status_code, a.headers.get("etag")) for a in answers}) == 1
        if spelling != "{path}?%3F":
            assert answers[0].status_code == 404


@pytest.mark.parametrize(
    ("held", "status"),
    [('"{tag}"', 304), ('W/"{tag}"', 304), ("*", 304), (' "x" , "{tag}"', 304), ("{tag}", 200), ('"{tag}', 200),
     ('"{tag}-gzip"', 200), ("", 200), ('"', 200), ('W/"x"', 200), ('"{tag}" *', 304), ("\x80\xff", 200)],
)  # fmt: skip
async def test_conditions_hold_alike_on_every_way(api, held, status):
    made = await api.product()
    for path in (f"/products/{made['_id']}", "/products"):
        tag = (await warm(api, path, **{"Accept-Encoding": "identity"})).headers["etag"].strip('"')
        sent = {"Accept-Encoding": "identity", "If-None-Match": held.format(tag=tag).encode("latin-1")}
        for method in ("GET", "HEAD"):
            for way in ({}, NOT_HOT):
                answer = await api.call(method, path, headers={**sent, **way})
                assert (answer.status_code, answer.headers["etag"]) == (status, f'"{tag}"')
                assert not answer.content or (method, status) == ("GET", 200)
                assert "set-cookie" not in answer.headers


async def test_heads_are_told_what_gets_are(api):
    made = await api.product(description="Oak. " * 300)
    path = f"/products/{made['_id']}"
    for encoding in ("identity", "br"):
        got = await warm(api, path, **{"Accept-Encoding": encoding})
        head = await api.call("HEAD", path, headers={"Accept-Encoding": encoding})
        assert head.content == b""
        for name in ("etag", "content-encoding", "content-type", "vary", "cache-control"):
            assert head.headers.get(name) == got.headers.get(name)


async def test_forged_receipts_change_no_answer_and_are_not_told_to_others(api):
    made = await api.product()
    path = f"/products/{made['_id']}"
    clean = await warm(api, path)
    for forged in (
        "nobody.1",
        "nobody.99999999999999999999",
        ".1",
        "x." + "9" * 70,
        "a.b.c",
        "\xff.1",
        "x.-1",
        "1" * 900,
    ):
        answer = await api.call("GET", path, headers={"X-Consistency-Token": forged.encode("latin-1")})
        assert (answer.status_code, answer.content) == (200, clean.content)
        assert "x-consistency-token" not in answer.headers
    assert "x-consistency-token" not in (await api.call("GET", path)).headers


async def test_a_read_costs_the_same_from_the_cache_as_from_the_origin(api):
    made = await api.product()
    await api.call("PATCH", "/admin/tenants/other", api.operator, json={"plan": "free"})
    del made

    async def left(path, **headers):
        answer = await api.call("GET", path, api.other, headers=headers)
        return int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0])

    await warm(api, "/products", api.other)
    for path, cost in (("/products", 2), ("/tenant", 1)):
        for headers in ({}, NOT_HOT, {"Accept-Encoding": "br"}, {"If-None-Match": "*"}):
            before = await left(path, **headers)
            # What comes back meanwhile is at most one token.
            assert before - await left(path, **headers) in (cost, cost - 1)


async def test_what_one_request_sends_is_in_no_other_answer(api):
    made = await api.product()
    path = f"/products/{made['_id']}"

    async def one(number):
        headers = {"X-Request-Id": f"mine-{number}", "Cookie": f"c={number}", "Accept-Language": f"l-{number}"}
        if number % 3 == 0:
            headers |= NOT_HOT
        if number % 10 == 9:
            answer = await api.call("PATCH", path, json={"name": f"Stool {number}"}, headers=headers)
        else:
            answer = await api.call("GET", path, headers=headers)
        assert answer.headers["x-request-id"] == f"mine-{number}"
        told = json.dumps([answer.text, *((k, v) for k, v in answer.headers.items() if k != "x-request-id")])
        assert "mine-" not in told
        assert "l-" not in told.replace("unlimited", "")
        assert answer.status_code in (200, 409)

    await asyncio.gather(*(one(number) for number in range(100)))


async def test_a_flood_of_missing_ids_leaves_what_is_asked_for_often(api):
    made = await api.product()
    path = f"/products/{made['_id']}"
    for number in range(300):
        await api.call("GET", path)
        assert (await api.call("GET", f"/products/{number:026d}")).status_code == 404
    assert (await api.call("GET", path)).headers["cache-status"].startswith("gigaday; hit")


async def test_a_page_of_huge_items_is_cut_and_goes_on(api):
    """Or one caller could fill the node's memory with a few lists."""
    huge = {"description": "椅" * 20_000, "attributes": {"a": "x" * 60_000}}
    made = [await api.product(name=f"{n}", **huge) for n in range(80)]
    met, following, sizes = [], "", []
    while following is not None:
        cursor = f"&cursor={following}" if following else ""
        answer = await api.call("GET", f"/products?limit=100&sort=_id{cursor}")
        met += [shown["_id"] for shown in answer.json()["data"]]
        sizes.append(len(answer.content))
        following = answer.json()["next"]
    assert met == sorted(product["_id"] for product in made)
    assert max(sizes) < 5 << 20
    assert len(sizes) == 3
    names = await api.call("GET", "/products?limit=100&fields=name")
    assert (len(names.json()["data"]), names.json()["next"]) == (80, None)


async def test_a_crowd_that_asks_for_one_thing_is_answered_however_few_places_there_are(tmp_path):
    async with running({"GIGADAY_DATA_DIR": str(tmp_path), "GIGADAY_MAX_IN_FLIGHT": "40"}) as api:
        path = f"/products/{(await api.product())['_id']}"
        answers = await asyncio.gather(*(api.call("GET", path) for _ in range(100)))
        assert {answer.status_code for answer in answers} == {200}
