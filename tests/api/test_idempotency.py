"""What a retry meets after a failure midway: a lost answer, a time-out, an upload that stalls or races another."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from gigaday import compose, settings
from gigaday.api import media
from gigaday.api.declaration import Origin
from gigaday.compose.media import keeping
from gigaday.contracts import Delete, Document, Insert, Write
from gigaday.errors import BackendDown
from gigaday.ops.health import Health
from tests.clocks import HandClock

KEYED = {"Idempotency-Key": "k"}


class Fails:
    """A store that raises `error` once it has applied the first write of a kind (or instead of it), then works."""

    def __init__(self, store: Any, kind: Callable[[str, Write], bool], error: Exception, *, applied: bool = True):
        self._store, self._kind, self._error, self._applied, self._armed = store, kind, error, applied, True

    async def write(self, collection, owner, writes):
        failing = self._armed and self._kind(collection.name, writes[0])
        if failing and not self._applied:
            self._armed = False
            raise self._error
        outcome = await self._store.write(collection, owner, writes)
        if failing:
            self._armed = False
            raise self._error
        return outcome

    def __getattr__(self, name):
        return getattr(self._store, name)


class Hangs(Fails):
    """A store that applies the first write of a kind and then does not answer."""

    def __init__(self, store: Any, kind: Callable[[str, Write], bool]) -> None:
        super().__init__(store, kind, TimeoutError())

    async def write(self, collection, owner, writes):
        try:
            return await super().write(collection, owner, writes)
        except TimeoutError:
            await asyncio.Event().wait()


def inserts_into(name: str) -> Callable[[str, Write], bool]:
    return lambda collection, write: collection == name and isinstance(write, Insert)


def finishes_a_record(collection: str, write: Write) -> bool:
    return collection == "idempotency" and getattr(write, "document", {}).get("state") == "done"


@dataclass
class Served:
    http: httpx.AsyncClient
    clock: HandClock
    folder: Path

    async def upload(self, content: Any, **headers: str) -> httpx.Response:
        return await self.http.post("/api/v1/media", content=content, headers={**KEYED, **headers})

    async def listed(self, name: str) -> list[Document]:
        return (await self.http.get(f"/api/v1/{name}")).json()["data"]

    async def content(self, id: str) -> bytes:
        return (await self.http.get(f"/api/v1/media/{id}/content")).content

    def objects(self) -> list[Path]:
        return [path for path in (self.folder / "objects").rglob("*") if path.is_file()]


@asynccontextmanager
async def served(folder: Path, store=lambda real: real, stall: float = 30.0, **environ: str) -> AsyncIterator[Served]:
    """The whole pipeline over embedded back ends, with `store(real)` in the place of the documents."""
    configured = settings.load({"GIGADAY_DATA_DIR": str(folder), **environ})
    async with compose.open_backends(configured) as real:
        clock = HandClock(1_800_000_000.0)
        backends = replace(real, documents=store(real.documents), plain=store(real.plain), clock=clock)
        work = compose.tenancy(backends, configured)
        await work.create_tenant("acme", "Acme", "unlimited")
        _, token = await work.create_token("acme", "test")
        made = [operation for operation in compose.operations(backends, work, configured) if operation.tag != "media"]
        made += media.operations(Origin(backends.documents, clock, b"key"), keeping(backends), stall)
        app = compose.node(backends, configured, Health({}, clock), made)
        headers = {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers) as http:
            yield Served(http, clock, folder)


class SlowBody:
    """A body that pauses after its first half until it is let go."""

    def __init__(self, content: bytes) -> None:
        self.started, self.go = asyncio.Event(), asyncio.Event()
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        half = len(self._content) // 2
        yield self._content[:half]
        self.started.set()
        await self.go.wait()
        yield self._content[half:]


async def test_a_retry_after_a_lost_answer_finds_the_one_product(tmp_path):
    down = BackendDown("the answer was lost")
    async with served(tmp_path, lambda real: Fails(real, inserts_into("products"), down)) as api:
        lost = await api.http.post("/api/v1/products", json={"name": "x"}, headers=KEYED)
        again = await api.http.post("/api/v1/products", json={"name": "x"}, headers=KEYED)
        listed = await api.listed("products")
    assert (lost.status_code, lost.headers["retry-after"]) == (503, "1")
    assert again.status_code == 201
    assert [item["_id"] for item in listed] == [again.json()["_id"]]


async def test_a_request_that_timed_out_may_be_tried_again_at_once(tmp_path):
    hanging = {"GIGADAY_REQUEST_TIMEOUT": "0.2"}
    async with served(tmp_path, lambda real: Hangs(real, inserts_into("products")), **hanging) as api:
        late = await api.http.post("/api/v1/products", json={"name": "x"}, headers=KEYED)
        again = await api.http.post("/api/v1/products", json={"name": "x"}, headers=KEYED)
        listed = await api.listed("products")
    assert (late.status_code, again.status_code) == (503, 201)
    assert [item["_id"] for item in listed] == [again.json()["_id"]]


async def test_work_that_is_done_is_answered_though_its_record_cannot_be_finished(tmp_path):
    down = BackendDown("gone")
    async with served(tmp_path, lambda real: Fails(real, finishes_a_record, down, applied=False)) as api:
        answer = await api.http.post("/api/v1/products", json={"name": "x"}, headers=KEYED)
        api.clock.time += 61
        again = await api.http.post("/api/v1/products", json={"name": "x"}, headers=KEYED)
    assert (answer.status_code, again.status_code, again.json()) == (201, 201, answer.json())


@pytest.mark.parametrize("other", [b"same length, two", b"of another length"])
async def test_a_key_used_with_another_file_is_refused(tmp_path, other):
    async def chunked():
        yield other

    async with served(tmp_path) as api:
        first = await api.upload(b"same length, one")
        for content in (other, chunked()):
            answer = await api.upload(content)
            assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_mismatch")
        again = await api.upload(b"same length, one")
        assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
        named = await api.upload(b"same length, one", **{"Content-Disposition": 'attachment; filename="b.txt"'})
        assert named.status_code == 422
        assert len(api.objects()) == 1


async def test_the_same_form_again_is_the_same_whatever_its_boundary(tmp_path):
    async with served(tmp_path) as api:

        async def form(alt: str, content: bytes) -> httpx.Response:
            files = {"file": ("a.txt", content)}
            return await api.http.post("/api/v1/media", files=files, data={"alt": alt}, headers=KEYED)

        first = await form("A", b"one")
        again = await form("A", b"one")
        assert (again.status_code, again.json()) == (201, first.json())
        assert (await form("B", b"one")).status_code == 422
        assert (await form("A", b"two")).status_code == 422


@pytest.mark.parametrize("same", [True, False])
async def test_two_slow_uploads_with_one_key_make_one_medium_with_its_bytes(tmp_path, same):
    slow = SlowBody(b"one " * 1000 if same else b"two " * 1000)
    async with served(tmp_path) as api:
        loser = asyncio.create_task(api.upload(slow))
        await slow.started.wait()
        api.clock.time += 61
        winner = await api.upload(b"one " * 1000)
        slow.go.set()
        lost = await loser
        assert winner.status_code == 201
        assert lost.status_code == (201 if same else 422)
        assert await api.content(winner.json()["_id"]) == b"one " * 1000
        assert len(api.objects()) == 1
        again = await api.upload(b"one " * 1000)
        assert (again.json(), again.headers["idempotency-replayed"]) == (winner.json(), "true")


@pytest.mark.parametrize("same", [True, False])
async def test_a_retried_upload_finds_what_was_made(tmp_path, same):
    down = BackendDown("the answer was lost")
    async with served(tmp_path, lambda real: Fails(real, inserts_into("media"), down)) as api:
        assert (await api.upload(b"one")).status_code == 503
        again = await api.upload(b"one" if same else b"two")
        [made] = await api.listed("media")
        assert again.status_code == (201 if same else 422)
        assert await api.content(made["_id"]) == b"one"
        assert len(api.objects()) == 1


async def test_a_retried_delete_of_a_medium_is_done(tmp_path):
    def deletes_media(collection: str, write: Write) -> bool:
        return collection == "media" and isinstance(write, Delete)

    async with served(tmp_path, lambda real: Fails(real, deletes_media, BackendDown("the answer was lost"))) as api:
        path = f"/api/v1/media/{(await api.upload(b'one')).json()['_id']}"
        answers = [await api.http.delete(path, headers={"Idempotency-Key": "d"}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [503, 204, 204]
        assert (await api.http.delete(path)).status_code == 404


async def test_an_upload_that_cannot_be_recorded_leaves_nothing(tmp_path):
    broken = ValueError("a fault of ours")
    async with served(tmp_path, lambda real: Fails(real, inserts_into("media"), broken, applied=False)) as api:
        assert (await api.upload(b"one")).status_code == 500
        assert api.objects() == []
        assert (await api.upload(b"one")).status_code == 201


async def test_an_upload_that_stalls_is_ended_and_may_be_sent_again(tmp_path):
    async with served(tmp_path, stall=0.1) as api:
        stalled = await api.upload(SlowBody(b"one " * 100))
        assert (stalled.status_code, stalled.headers["content-type"]) == (408, "application/problem+json")
        assert (api.objects(), await api.listed("media")) == ([], [])
        assert (await api.upload(b"one " * 100)).status_code == 201
