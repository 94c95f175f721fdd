"""What every store promises of objects that are written piece by piece, over each of them."""

import asyncio
import os
import random
import tracemalloc
from collections.abc import AsyncIterator
from itertools import pairwise

import msgspec
import pytest

from gigaday.backends.clock import SystemClock
from gigaday.backends.folder_growing import GrowingFolder
from gigaday.backends.s3_client import S3Client
from gigaday.backends.s3_credentials import S3Credentials
from gigaday.backends.s3_growing import GrowingS3
from gigaday.contracts import Clock, Growth
from gigaday.errors import BackendBusy, BackendDown, ObjectMissing
from tests.clocks import HandClock
from tests.servers.swift import ACCESS_KEY, REGION

MIB = 1 << 20
KIND = "image/png"


def s3(endpoint: str, bucket: str, secret: str, clock: Clock | None = None) -> GrowingS3:
    credentials = S3Credentials(ACCESS_KEY, secret)
    client = S3Client(bucket, endpoint=endpoint, region=REGION, credentials=credentials)
    return GrowingS3(
        bucket, client, endpoint=endpoint, region=REGION, credentials=credentials, clock=clock or SystemClock()
    )


class Place:
    """Where a store keeps its things: other processes open the same, and what is left there is looked for."""

    def __init__(self, open_one, left):
        self.open, self.left = open_one, left


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.live)])
def place(request, tmp_path):
    if request.param == "folder":
        root = tmp_path / "objects"

        def files() -> set[str]:
            return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}

        return Place(lambda: GrowingFolder(root, SystemClock(), kept_every=MIB), files)
    swift = request.getfixturevalue("swift")
    bucket, boto = swift.bucket(), swift.client()

    def left() -> set[str]:
        uploads = boto.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        objects = boto.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {f"upload of {found['Key']}" for found in uploads} | {found["Key"] for found in objects}

    return Place(lambda: s3(swift.endpoint, bucket, swift.secret), left)


@pytest.fixture
async def store(place):
    opened = place.open()
    yield opened
    await opened.close()


async def of(content: bytes, size: int = 100_003) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


async def cut_short(content: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    async for chunk in of(content):
        yield chunk
    raise error or ConnectionResetError("the client is gone")


async def whole(store, key: str) -> bytes:
    return b"".join([block async for block in store.read(key, 0, await store.size(key))])


def stored(growth: Growth) -> Growth:
    """As it comes back from where the caller keeps it."""
    return msgspec.convert(msgspec.json.decode(msgspec.json.encode(growth)), Growth)


class Keeper:
    """Keeps the latest growth that it was told of."""

    def __init__(self, growth: Growth) -> None:
        self.growth, self.times = growth, 0

    async def __call__(self, growth: Growth) -> None:
        assert growth.offset >= self.growth.offset
        self.growth, self.times = stored(growth), self.times + 1


@pytest.mark.parametrize("sizes", [(), (0,), (1,), (0, 5, 0), (3 * MIB, 3 * MIB, 3 * MIB), (9 * MIB,), (20 * MIB, 1)])
async def test_pieces_become_one_object(store, sizes):
    content = random.Random(1).randbytes(sum(sizes))
    growth, at = await store.start("m/a.png", KIND), 0
    for size in sizes:
        growth = stored(await store.append(growth, of(content[at : at + size]), None))
        at += size
        assert growth.offset == at
        assert await store.size("m/a.png") is None
    assert await store.complete(growth) == len(content)
    assert await store.size("m/a.png") == len(content)
    assert await whole(store, "m/a.png") == content


async def test_a_hundred_cuts_at_random_points_come_to_the_same_bytes(place):
    """Each request ends where it may: in order, by a client that is gone, or by a process that is. Whoever goes on has
    only what was kept; the client then sends again from the offset that it is told."""
    chance = random.Random(20)
    content = chance.randbytes(24 * MIB)
    cuts = sorted(chance.sample(range(1, len(content)), 100))
    store = place.open()
    keeper = Keeper(await store.start("m/cut", KIND))
    for start, end in pairwise([0, *cuts, len(content)]):
        assert keeper.growth.offset <= start
        piece = content[keeper.growth.offset : end]
        fate = chance.choice(["whole", "client", "process"])
        if fate == "whole":
            await keeper(await store.append(keeper.growth, of(piece), keeper))
        elif fate == "client":
            with pytest.raises(ConnectionResetError):
                await store.append(keeper.growth, cut_short(piece), keeper)
            assert keeper.growth.offset == end
        else:
            with pytest.raises(ConnectionResetError):
                await store.append(keeper.growth, cut_short(b"lost" * chance.randrange(MIB)), None)
            await store.close()
            store = place.open()
    growth = await store.append(keeper.growth, of(content[keeper.growth.offset :]), None)
    assert await store.complete(growth) == len(content)
    assert await whole(store, "m/cut") == content
    assert place.left() == {"m/cut"}
    await store.close()


async def test_what_came_before_the_client_was_gone_is_kept(store):
    keeper = Keeper(await store.start("m/a", KIND))
    content = random.Random(2).randbytes(2 * MIB)
    with pytest.raises(ConnectionResetError):
        await store.append(keeper.growth, cut_short(content[:MIB]), keeper)
    assert keeper.growth.offset == MIB
    growth = await store.append(keeper.growth, of(content[MIB:]), keeper)
    await store.complete(growth)
    assert await whole(store, "m/a") == content


async def test_what_was_not_kept_is_written_over(store):
    """So a piece whose checksum turns out wrong leaves nothing."""
    growth = await store.append(await store.start("m/a", KIND), of(b"good"), None)
    with pytest.raises(LookupError):
        await store.append(growth, cut_short(b"x" * 9 * MIB, LookupError("wrong checksum")), None)
    await store.append(growth, of(b"also lost"), None)
    growth = await store.append(growth, of(b", better"), None)
    assert await store.complete(growth) == 12
    assert await whole(store, "m/a") == b"good, better"


async def test_a_long_append_tells_how_far_it_is(store):
    keeper = Keeper(await store.start("m/a", KIND))
    growth = await store.append(keeper.growth, of(b"x" * 40 * MIB, MIB), keeper)
    assert keeper.times >= 2
    assert 16 * MIB <= keeper.growth.offset <= growth.offset == 40 * MIB


async def test_whoever_goes_on_from_what_was_kept_midway_loses_nothing(store):
    keeper, content = Keeper(await store.start("m/a", KIND)), random.Random(3).randbytes(30 * MIB)

    async def hanging() -> AsyncIterator[bytes]:
        async for chunk in of(content[: 29 * MIB]):
            yield chunk
        await asyncio.Event().wait()

    task = asyncio.create_task(store.append(keeper.growth, hanging(), keeper))
    async with asyncio.timeout(30):
        while keeper.growth.offset < 8 * MIB:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    growth = await store.append(keeper.growth, of(content[keeper.growth.offset :]), None)
    await store.complete(growth)
    assert await whole(store, "m/a") == content


@pytest.mark.parametrize("size", [0, 5, 6 * MIB])
async def test_completing_may_be_repeated(store, size):
    growth = await store.append(await store.start("m/a", KIND), of(b"x" * size), None)
    assert [await store.complete(growth) for _ in range(3)] == [size] * 3
    assert await whole(store, "m/a") == b"x" * size


async def test_what_was_abandoned_is_gone_and_cannot_be_gone_on_with(store, place):
    begun = await store.start("m/a", KIND)
    small = await store.append(await store.start("m/b", KIND), of(b"x"), None)
    large = await store.append(await store.start("m/c", KIND), of(b"x" * 9 * MIB), None)
    exact = await store.append(await store.start("m/d", KIND), of(b"x" * 8 * MIB, 8 * MIB), None)
    for growth in (begun, small, large, exact):
        await store.abandon(growth)
        await store.abandon(growth)
        for attempt in (store.append(growth, of(b"y"), None), store.complete(growth)):
            with pytest.raises(ObjectMissing):
                await attempt
    assert place.left() == set()


async def test_what_is_complete_cannot_be_gone_on_with_and_is_not_abandoned(store):
    growth = await store.append(await store.start("m/a", KIND), of(b"abc"), None)
    await store.complete(growth)
    with pytest.raises(ObjectMissing):
        await store.append(growth, of(b"d"), None)
    await store.abandon(growth)
    assert await whole(store, "m/a") == b"abc"


async def test_a_completed_object_leaves_nothing_beside_it(store, place):
    growth = await store.start("m/a", KIND)
    for _ in range(3):
        growth = await store.append(growth, of(b"abc"), None)
    await store.complete(growth)
    assert place.left() == {"m/a"}


async def test_what_grows_is_in_no_listing(store):
    await store.append(await store.start("m/a", KIND), of(b"abc"), None)
    assert [found async for found in store.list("")] == []


async def test_two_that_grow_under_one_key_do_not_mix(store):
    one, two = await store.start("m/a", KIND), await store.start("m/a", KIND)
    one = await store.append(one, of(b"one"), None)
    two = await store.append(two, of(b"second"), None)
    one, two = await store.append(one, of(b"!"), None), await store.append(two, of(b"?"), None)
    await store.abandon(one)
    assert await store.complete(two) == 7
    assert await whole(store, "m/a") == b"second?"


async def test_one_may_grow_under_a_key_below_that_of_another(store):
    upper, lower = await store.start("m/a", KIND), await store.start("m/a/b", KIND)
    assert {growth.key async for growth, _ in store.unfinished("m/a")} == {"m/a", "m/a/b"}
    assert {growth.key async for growth, _ in store.unfinished("m/a/")} == {"m/a/b"}
    for growth in (upper, lower):
        await store.abandon(growth)


async def test_those_unfinished_are_told_with_when_they_began(store):
    now = SystemClock().now()
    begun = {key: await store.start(key, KIND) for key in ("m/a/1", "m/a/2", "m/ab/3", "n/4")}
    begun["m/a/2"] = await store.append(begun["m/a/2"], of(b"abc"), None)
    await store.complete(await store.append(await store.start("m/a/5", KIND), of(b"x"), None))
    assert {growth.key async for growth, _ in store.unfinished("m/a")} == {"m/a/1", "m/a/2", "m/ab/3"}
    found = [(growth, since) async for growth, since in store.unfinished("")]
    assert {growth.key for growth, _ in found} == set(begun)
    assert all(abs(since - now) < 60 for _, since in found)


async def test_those_found_unfinished_can_be_abandoned(store, place):
    await store.append(await store.start("m/a", KIND), of(b"abc"), None)
    await store.append(await store.start("m/b", KIND), of(b"x" * 9 * MIB), None)
    for growth in [growth async for growth, _ in store.unfinished("m/")]:
        await store.abandon(growth)
    assert place.left() == set()


async def test_tidying_leaves_alone_what_grows(store):
    growth = await store.append(await store.start("m/a", KIND), of(b"abc"), None)
    await store.tidy()
    await store.complete(await store.append(growth, of(b"def"), None))
    assert await whole(store, "m/a") == b"abcdef"


async def test_a_large_object_is_never_in_memory(store):
    chunk = bytes(MIB)

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(128):
            yield chunk

    growth = await store.start("m/a", KIND)
    tracemalloc.start()
    try:
        growth = await store.append(growth, chunks(), None)
        assert tracemalloc.get_traced_memory()[1] < 48 * MIB
    finally:
        tracemalloc.stop()
    assert await store.complete(growth) == 128 * MIB


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", ".growing/x"])
async def test_a_key_that_could_be_a_path_is_refused(store, key):
    with pytest.raises(ValueError, match="not an object key"):
        await store.start(key, KIND)


@pytest.mark.live
async def test_the_type_that_was_told_first_is_the_objects(swift):
    bucket = swift.bucket()
    store = s3(swift.endpoint, bucket, swift.secret)
    for size in (3, 9 * MIB):
        await store.complete(await store.append(await store.start(f"m/{size}", KIND), of(b"x" * size), None))
        assert swift.client().head_object(Bucket=bucket, Key=f"m/{size}")["ContentType"] == KIND


@pytest.mark.live
async def test_what_was_held_apart_of_uploads_long_gone_is_tidied_away(swift):
    """As where the bucket's own rule has ended the upload."""
    bucket, boto = swift.bucket(), swift.client()
    growth = await (store := s3(swift.endpoint, bucket, swift.secret)).start("m/a", KIND)
    growth = await store.append(growth, of(b"abc"), None)
    boto.abort_multipart_upload(Bucket=bucket, Key="m/a", UploadId=growth.handle.split(" ")[0])
    for days, left in ((29, 1), (31, 0)):
        clock = HandClock(SystemClock().now() + days * 24 * 3600)
        await s3(swift.endpoint, bucket, swift.secret, clock).tidy()
        assert boto.list_objects_v2(Bucket=bucket)["KeyCount"] == left


@pytest.mark.live
async def test_a_store_that_is_away_or_refuses_is_down(swift):
    for store in (s3("http://127.0.0.1:1", "bucket", "secret"), s3(swift.endpoint, swift.bucket(), "wrong")):
        with pytest.raises(BackendDown):
            await store.start("m/a", KIND)
        with pytest.raises(BackendDown):
            await anext(store.unfinished(""))
        with pytest.raises(BackendDown):
            await store.abandon(Growth("m/a", "upload"))


async def test_a_handle_that_is_no_file_of_a_growth_leads_nowhere(tmp_path):
    store = GrowingFolder(tmp_path / "objects", SystemClock())
    (tmp_path / "secret").write_bytes(b"secret")
    for handle in ("../../../secret", "secret", ".x/../../../../../secret"):
        with pytest.raises(ObjectMissing):
            await store.append(Growth("m", handle), of(b"x"), None)
    assert (tmp_path / "secret").read_bytes() == b"secret"


async def test_the_folders_of_an_object_are_synced_before_it_is_told_complete(tmp_path):
    root, synced = tmp_path / "objects", []
    store = GrowingFolder(root, SystemClock(), sync_folder=synced.append)
    growth = await store.append(await store.start("m/a/1", KIND), of(b"x"), None)
    synced.clear()
    await store.complete(growth)
    assert synced == [root / "m" / "a", root / "m", root]


async def test_no_folders_are_left_behind(tmp_path):
    growing = tmp_path / "objects" / ".partial" / "growing"
    store = GrowingFolder(tmp_path / "objects", SystemClock())
    completed, abandoned = await store.start("m/a/1", KIND), await store.start("m/b/2", KIND)
    await store.complete(completed)
    assert [str(path.relative_to(growing)) for path in growing.glob("*/*")] == ["m/b"]
    await store.abandon(abandoned)
    assert list(growing.iterdir()) == []


async def test_what_grows_for_long_is_not_swept_away(tmp_path):
    root = tmp_path / "objects"
    store = GrowingFolder(root, SystemClock())
    growth = await store.append(await store.start("m/a", KIND), of(b"x"), None)
    for path in (root / ".partial").rglob("*"):
        os.utime(path, (0, 0))
    await store.tidy()
    assert await store.complete(growth) == 1


async def test_a_file_that_another_still_writes_is_busy(tmp_path):
    store, under_way, go = GrowingFolder(tmp_path / "objects", SystemClock()), asyncio.Event(), asyncio.Event()
    growth = await store.start("m/a", KIND)

    async def slow() -> AsyncIterator[bytes]:
        under_way.set()
        await go.wait()
        yield b"late"

    late = asyncio.create_task(store.append(growth, slow(), None))
    await under_way.wait()
    for attempt in (store.append(growth, of(b"x"), None), store.complete(growth)):
        with pytest.raises(BackendBusy):
            await attempt
    go.set()
    assert await store.complete(await late) == 4
    assert await whole(store, "m/a") == b"late"
