"""The reaper at work without a pause, and without sparing what is fresh, beside clients that upload, share, delete and
restore: nothing that was answered is lost, and in the end nothing is left over."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from gigaday import compose, settings
from gigaday.compose.media import reaper
from gigaday.ops import reaping
from gigaday.ops.media_verify import Verify
from gigaday.ops.quota import Quota
from gigaday.rules import storage_keys
from tests.api.conftest import Api, production, running

CONTENTS = [b"a stool", b"a table", b"a lamp", b"a chair"]
"""What half of the uploads bring, so that many share their bytes."""
CLIENTS, STEPS = 6, 50


@dataclass
class World:
    api: Api
    backends: compose.Backends
    live: dict[str, bytes] = field(default_factory=dict)
    trashed: dict[str, bytes] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)

    async def upload(self, random: Random) -> None:
        content = random.choice(CONTENTS) if random.random() < 0.5 else random.randbytes(8)
        answer = await self._call("POST", "/media", {201, 503}, content=content)
        if answer is not None:
            self.live[answer["_id"]] = content

    async def move(self, random: Random, source: dict[str, bytes], target: dict[str, bytes] | None, path: str) -> None:
        """Whoever works on a medium has it to itself; its bytes are everybody's."""
        if not source:
            return
        id = random.choice(sorted(source))
        content = source.pop(id)
        method = "POST" if path.endswith("restore") else "DELETE"
        done = await self._call(method, path.format(id), {200, 204, 503})
        if done is None:
            source[id] = content
        elif target is not None:
            target[id] = content

    async def _call(self, method: str, path: str, expected: set[int], **more) -> dict | None:
        """What is answered, None where it is to be tried again."""
        answer = await self.api.call(method, path, **more)
        self.answers[f"{method} {answer.status_code}"] += 1
        assert answer.status_code in expected, answer.text
        if answer.status_code == 503:
            return None
        return answer.json() if answer.content else {}

    async def client(self, seed: int) -> None:
        random = Random(seed)
        for _ in range(STEPS):
            await random.choice((
                lambda: self.upload(random),
                lambda: self.upload(random),
                lambda: self.move(random, self.live, self.trashed, "/media/{}"),
                lambda: self.move(random, self.trashed, self.live, "/media/{}/restore"),
                lambda: self.move(random, self.trashed, None, "/media/trash/{}"),
            ))()  # fmt: skip

    async def reap(self) -> int:
        work = reaping.run(self.backends.documents, reaper(self.backends, grace=0.0))
        return sum([gone.objects async for gone in work])

    async def check(self) -> None:
        for id, content in self.live.items():
            answer = await self.api.call("GET", f"/media/{id}/content")
            assert (answer.status_code, answer.content) == (200, content)


@pytest.fixture(params=["embedded", pytest.param("production", marks=pytest.mark.live)])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    environ = {"GIGADAY_DATA_DIR": str(tmp_path)}
    if request.param == "production":
        environ |= production(*(request.getfixturevalue(name) for name in ("replica_set", "swift", "redis_cluster")))
    async with running(environ) as api, compose.open_backends(settings.load(environ)) as backends:
        yield World(api, backends)


@asynccontextmanager
async def without_a_pause(world: World) -> AsyncIterator[Counter[str]]:
    """The reaper, round after round, while the context lasts; counts what it does."""
    done, over = Counter[str](), asyncio.Event()

    async def work() -> None:
        while not over.is_set():
            done["objects"] += await world.reap()
            done["rounds"] += 1

    working = asyncio.create_task(work())
    try:
        yield done
    finally:
        over.set()
        await working


async def test_nothing_is_lost_and_nothing_is_left(world):
    async with without_a_pause(world) as done, asyncio.TaskGroup() as clients:
        for seed in range(CLIENTS):
            clients.create_task(world.client(seed))
    assert done["rounds"] > 2
    assert world.answers["POST 201"] > STEPS
    await world.check()
    for id, content in list(world.trashed.items()):
        assert (await world.api.call("POST", f"/media/{id}/restore")).status_code == 200
        world.live[id] = content
    await world.reap()
    await world.check()
    listed, cursor = [], ""
    while cursor is not None:
        page = (await world.api.call("GET", f"/media?limit=50&cursor={cursor}" if cursor else "/media?limit=50")).json()
        listed, cursor = [*listed, *page["data"]], page["next"]
    assert {item["_id"] for item in listed} == world.live.keys()
    objects = [found async for found in world.backends.objects.list(storage_keys.ORIGINALS)]
    assert len(objects) <= len(listed)
    verify = Verify(world.backends.documents, world.backends.objects, Quota(world.backends.documents))
    assert [fault async for fault in verify.faults("acme")] == []
    assert (await verify.count("acme")).stored == sum(found.size for found in objects)
