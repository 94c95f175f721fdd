"""The shortest way answers as the whole way would: each question is asked by both."""

import pytest

PER_REQUEST = {"x-request-id", "ratelimit", "cache-status"}
THE_WHOLE_WAY = {"X-Nothing": "a header that the shortest way does not know"}


async def compare(api, path, **headers):
    """Asks until the cache is warm, then once by each way."""
    for _ in range(2):
        await api.call("GET", path, headers={**headers, **THE_WHOLE_WAY})
    short = await api.call("GET", path, headers=headers)
    whole = await api.call("GET", path, headers={**headers, **THE_WHOLE_WAY})
    told = [
        (
            a.status_code,
            a.content.replace(a.headers["x-request-id"].encode(), b""),
            {k: v for k, v in a.headers.items() if k not in PER_REQUEST},
        )
        for a in (short, whole)
    ]
    assert told[0] == told[1]
    assert set(short.headers) == set(whole.headers)
    return short


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br", "zstd", "gzip;q=0.5, br;q=0.1", "*", "junk;;q=9", ""])
async def test_in_every_encoding(api, encoding):
    made = await api.product(name="Bar stool", description="Oak. " * 300)
    whole = await compare(api, f"/products/{made['_id']}", **{"Accept-Encoding": encoding})
    held = {"Accept-Encoding": encoding, "If-None-Match": whole.headers["etag"]}
    assert (await compare(api, f"/products/{made['_id']}", **held)).status_code == 304


@pytest.mark.parametrize(
    "query", ["", "?limit=2", "?sort=-createdAt&limit=1", "?fields=name,price", "?limit=0", "?no=1"]
)
async def test_lists(api, query):
    for number in range(3):
        await api.product(name=f"Stool {number}")
    await compare(api, f"/products{query}")


@pytest.mark.parametrize("path", ["/products/nothing", f"/products/{'0' * 26}", "/media", "/tenant", "/no/such/path"])
async def test_what_is_missing_or_not_cached(api, path):
    answers = [await api.call("GET", path, headers=headers) for headers in ({}, THE_WHOLE_WAY)]
    assert answers[0].status_code == answers[1].status_code


async def test_hits_are_hits(api):
    made = await api.product()
    await compare(api, f"/products/{made['_id']}")
    assert (await api.call("GET", f"/products/{made['_id']}")).headers["cache-status"] == "gigaday; hit"


async def test_ones_own_writes_are_seen_at_once(api):
    made = await api.product(name="Old")
    path = f"/products/{made['_id']}"
    for _ in range(2):
        await api.call("GET", path)
        await api.call("GET", "/products?limit=1")
    await api.call("PATCH", path, json={"name": "New"})
    assert (await api.call("GET", path)).json()["name"] == "New"
    assert (await api.call("GET", "/products?limit=1")).json()["data"][0]["name"] == "New"
    await api.call("DELETE", path)
    assert (await api.call("GET", path)).status_code == 404
    assert (await api.call("GET", "/products?limit=1")).json()["data"] == []


async def test_what_one_tenant_read_no_other_is_given(api):
    made = await api.product()
    path = f"/products/{made['_id']}"
    await compare(api, path)
    assert (await api.call("GET", path, api.other)).status_code == 404
    assert (await api.call("GET", "/products", api.other)).json()["data"] == []


async def test_poison_in_headers_reaches_nobody(api):
    made = await api.product()
    path = f"/products/{made['_id']}"
    poison = {"X-Forwarded-Host": "evil.test", "X-Original-URL": "/admin", "X-HTTP-Method-Override": "DELETE",
              "Range": "bytes=0-3", "Accept": "text/html", "Forwarded": "host=evil.test"}  # fmt: skip
    poisoned = await api.call("GET", path, headers=poison)
    clean = await api.call("GET", path)
    assert (poisoned.status_code, poisoned.content) == (clean.status_code, clean.content) == (200, clean.content)


@pytest.mark.parametrize("tail", ["/x.css", "%2Fx.css", ";x.css", "/", "%00.css", "/..%2f"])
async def test_a_path_that_looks_like_a_file_is_not_the_item(api, tail):
    made = await api.product()
    assert (await api.call("GET", f"/products/{made['_id']}{tail}")).status_code == 404
