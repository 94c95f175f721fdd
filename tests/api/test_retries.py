"""A write whose answer was lost, sent again with its Idempotency-Key: it is told what it did, not what it left."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from gigaday import compose, settings
from gigaday.errors import BackendDown
from gigaday.ops.health import Health

KEYED = {"Idempotency-Key": "k"}


class Loses:
    """A store that, once armed, applies a write to products and then claims to be down; or, with `stutters`, applies
    it twice and answers for the second, as a driver does that tries again by itself."""

    def __init__(self, store) -> None:
        self._store, self.armed, self.stutters = store, False, False

    async def write(self, collection, owner, writes):
        outcome = await self._store.write(collection, owner, writes)
        if self.armed and collection.name == "products":
            self.armed = False
            if self.stutters:
                return await self._store.write(collection, owner, writes)
            raise BackendDown("the answer was lost")
        return outcome

    def __getattr__(self, name):
        return getattr(self._store, name)


class Lossy:
    def __init__(self, http: httpx.AsyncClient, store: Loses) -> None:
        self.http, self.store = http, store

    async def made(self) -> tuple[str, dict[str, str]]:
        answer = await self.http.post("/api/v1/products", json={"name": "x"})
        return answer.headers["location"], {"If-Match": answer.headers["etag"]}

    async def twice(self, method: str, path: str, headers: dict[str, str], **more) -> httpx.Response:
        """The answer to the second try, the first having been applied and lost."""
        self.store.armed = True
        lost = await self.http.request(method, path, headers={**KEYED, **headers}, **more)
        assert lost.status_code == 503
        return await self.http.request(method, path, headers={**KEYED, **headers}, **more)


@pytest.fixture
async def lossy(tmp_path) -> AsyncIterator[Lossy]:
    async with _served(settings.load({"GIGADAY_DATA_DIR": str(tmp_path)})) as lossy:
        yield lossy


@asynccontextmanager
async def _served(configured) -> AsyncIterator[Lossy]:
    async with compose.open_backends(configured) as real:
        store = Loses(real.documents)
        backends = replace(real, documents=store)
        work = compose.tenancy(backends, configured)
        await work.create_tenant("acme", "Acme", "unlimited")
        _, token = await work.create_token("acme", "test")
        made = compose.operations(backends, work, configured)
        app = compose.node(backends, configured, Health({}, real.clock), made)
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers) as http:
            yield Lossy(http, store)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_change_is_answered_as_made(lossy, method):
    path, guard = await lossy.made()
    again = await lossy.twice(method, path, guard, json={"name": "y"})
    assert (again.status_code, again.json()["name"], again.json()["version"]) == (200, "y", 2)
    assert (await lossy.http.get(path)).json() == again.json()
    replayed = await lossy.http.request(method, path, headers={**KEYED, **guard}, json={"name": "y"})
    assert (replayed.status_code, replayed.json()) == (200, again.json())


async def test_another_write_with_the_old_tag_is_still_refused(lossy):
    path, guard = await lossy.made()
    await lossy.twice("PATCH", path, guard, json={"name": "y"})
    other = await lossy.http.patch(path, headers={"Idempotency-Key": "k2", **guard}, json={"name": "y"})
    assert other.status_code == 412


async def test_a_deletion_is_answered_as_done(lossy):
    path, guard = await lossy.made()
    assert (await lossy.twice("DELETE", path, guard)).status_code == 204
    assert (await lossy.http.delete(path)).status_code == 404


async def test_a_batch_is_answered_as_done(lossy):
    (changed, _), (deleted, _) = await lossy.made(), await lossy.made()
    changed, deleted = changed.rpartition("/")[2], deleted.rpartition("/")[2]
    rows = [
        {"op": "create", "body": {"name": "new"}},
        {"op": "update", "id": changed, "version": 1, "body": {"name": "y"}},
        {"op": "update", "id": changed, "version": 1, "body": {"name": "z"}},
        {"op": "delete", "id": deleted, "version": 1},
        {"op": "update", "id": "0" * 26, "body": {"name": "y"}},
    ]
    again = await lossy.twice("POST", "/api/v1/products/batch", {}, json={"rows": rows})
    results = again.json()["results"]
    assert [(result["status"], result.get("version")) for result in results] == [
        (201, 1), (200, 2), (409, None), (204, None), (404, None),
    ]  # fmt: skip
    names = [item["name"] for item in (await lossy.http.get("/api/v1/products")).json()["data"]]
    assert sorted(names) == ["new", "y"]


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_a_change_that_the_store_itself_tried_twice_is_answered_as_made(lossy, method):
    path, guard = await lossy.made()
    lossy.store.armed = lossy.store.stutters = True
    answer = await lossy.http.request(method, path, headers=guard, json={"name": "y"})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)


async def test_who_wrote_is_never_answered(lossy):
    path, guard = await lossy.made()
    patched = await lossy.http.patch(path, headers=guard, json={"name": "y"})
    assert "writer" not in patched.text
    assert "writer" not in (await lossy.http.get("/api/v1/products/export")).text
