"""Objects that grow while processes are killed and the way to the store is cut: they come to the same bytes."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import msgspec
import pytest

from gigaday.contracts import Growth
from gigaday.errors import BackendDown
from gigaday.lab.fault_proxy import Proxies
from gigaday.lab.toxics import Toxic
from tests.live import growing
from tests.live.growing import KEY, Work

pytestmark = pytest.mark.live
MIB = 1 << 20
ROOT = Path(__file__).parents[2]


async def whole(store) -> bytes:
    return b"".join([block async for block in store.read(KEY, 0, await store.size(KEY))])


def killed(work: Work, seconds: float) -> bool:
    """Whether the process had to be, that long after it began to add."""
    command = [sys.executable, "-m", "tests.live.growing", msgspec.json.encode(work).decode()]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as told:
        told.readline()
        try:
            assert process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            return True
    return False


@pytest.mark.parametrize("kind", ["folder", "s3"])
async def test_processes_killed_at_random_lose_nothing_that_was_kept(request, tmp_path, kind):
    chance = Random(7)
    content = chance.randbytes(40 * MIB)
    (tmp_path / "content").write_bytes(content)
    work = Work(str(tmp_path / "content"), str(tmp_path / "state"))
    if kind == "folder":
        work.folder = str(tmp_path / "objects")
    else:
        swift = request.getfixturevalue("swift")
        work.endpoint, work.bucket, work.secret = swift.endpoint, swift.bucket(), swift.secret
    store = growing.opened(work)
    await growing.keep(work, await store.start(KEY, "image/png"))
    kills = 0
    while await asyncio.to_thread(killed, work, chance.uniform(0.05, 0.6) + 0.05 * kills):
        kills += 1
    assert kills >= 2
    assert await store.complete(growing.state(work)) == len(content)
    assert await whole(store) == content


async def test_an_upload_whose_way_to_the_store_is_cut_goes_on_from_what_was_kept(swift, tmp_path):
    proxies, content = Proxies(Random(1)), Random(8).randbytes(30 * MIB)
    way = await proxies.create("way", "127.0.0.1:0", urlsplit(swift.endpoint).netloc)
    work = Work("", str(tmp_path / "state"), "", f"http://{way.listen}", swift.bucket(), swift.secret)
    store = growing.opened(work)

    async def chunks(after: int) -> AsyncIterator[bytes]:
        for at in range(after, len(content), MIB):
            yield content[at : at + MIB]

    async def cut_once_kept(growth: Growth) -> None:
        await growing.keep(work, growth)
        await way.down()

    try:
        growth = await store.start(KEY, "image/png")
        with pytest.raises(BackendDown):
            await store.append(growth, chunks(0), cut_once_kept)
        await way.up()
        kept = growing.state(work)
        assert 8 * MIB <= kept.offset < len(content)
        growth = await store.append(kept, chunks(kept.offset))
        way.add(Toxic(type="lost_reply", attributes={"contains": ["<CompleteMultipartUpload"], "times": 2}))
        with pytest.raises(BackendDown):
            await store.complete(growth)
        assert await store.complete(growth) == len(content)
        assert await whole(store) == content
    finally:
        await store.close()
        await proxies.close()
