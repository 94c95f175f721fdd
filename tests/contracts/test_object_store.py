"""What every object store promises, over each of them."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gigaday.backends.folder import FolderStore
from gigaday.backends.s3 import S3Objects
from gigaday.backends.s3_credentials import S3Credentials
from gigaday.errors import BackendDown, BackendFull, ObjectMissing
from tests.servers.swift import ACCESS_KEY, REGION

MIB = 1 << 20
KIND = "application/octet-stream"


def s3(endpoint: str, bucket: str, secret: str) -> S3Objects:
    return S3Objects(bucket, endpoint=endpoint, region=REGION, credentials=S3Credentials(ACCESS_KEY, secret))


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.live)])
async def store(request, tmp_path):
    if request.param == "folder":
        store = FolderStore(tmp_path / "objects")
    else:
        swift = request.getfixturevalue("swift")
        store = s3(swift.endpoint, swift.bucket(), swift.secret)
    yield store
    await store.close()


async def of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def whole(store, key: str) -> bytes:
    return b"".join([block async for block in store.read(key, 0, await store.size(key))])


async def keys(store, prefix: str = "") -> set[str]:
    return {found.key async for found in store.list(prefix)}


@pytest.mark.parametrize("content", [b"", b"x", b"hello" * 1000])
async def test_what_was_put_comes_back(store, content):
    assert await store.put("a/b.bin", of(content), KIND) == len(content)
    assert await store.size("a/b.bin") == len(content)
    assert await whole(store, "a/b.bin") == content


async def test_a_large_object_streams_in_odd_chunks(store):
    digest = hashlib.sha256()

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(300):
            chunk = bytes([at % 251]) * 100_003
            digest.update(chunk)
            yield chunk

    assert await store.put("big", chunks(), KIND) == 300 * 100_003
    came = hashlib.sha256()
    async for block in store.read("big", 0, 300 * 100_003):
        assert len(block) <= 16 * MIB
        came.update(block)
    assert came.digest() == digest.digest()


@pytest.mark.parametrize(("start", "end"), [(0, 1), (5, 9), (9, 10), (0, 10), (3, 3)])
async def test_a_range_is_its_bytes(store, start, end):
    await store.put("digits", of(b"0123456789"), KIND)
    assert b"".join([block async for block in store.read("digits", start, end)]) == b"0123456789"[start:end]


@pytest.mark.parametrize("sent", [0, 3, 20])
async def test_a_source_that_fails_leaves_nothing(store, tmp_path, sent):
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(sent):
            yield b"x" * MIB
        raise LookupError("gone")

    with pytest.raises(LookupError):
        await store.put("half", chunks(), KIND)
    assert await store.size("half") is None
    assert await keys(store) == set()
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("sent", [1, 20])
async def test_a_cancelled_put_leaves_nothing(store, tmp_path, sent):
    under_way = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(sent):
            yield b"x" * MIB
        under_way.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.put("half", chunks(), KIND))
    await under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.size("half") is None
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_puts_do_not_mix(store):
    contents = {f"k{at}": bytes([at]) * (at * 1000 + 1) for at in range(12)}
    await asyncio.gather(*(store.put(key, of(content), KIND) for key, content in contents.items()))
    for key, content in contents.items():
        assert await whole(store, key) == content


async def test_deleting_is_final_and_may_be_repeated(store):
    await store.put("a", of(b"x"), KIND)
    await store.delete("a")
    await store.delete("a")
    assert await store.size("a") is None


async def test_what_is_missing_is_told_before_the_first_byte(store):
    assert await store.size("none") is None
    for end in (0, 3):
        with pytest.raises(ObjectMissing):
            await anext(store.read("none", 0, end))


async def test_a_listing_is_by_prefix(store):
    for key in ("m/a/1", "m/a/2", "m/ab/3", "n/4"):
        await store.put(key, of(b"xy"), KIND)
    assert await keys(store, "m/a/") == {"m/a/1", "m/a/2"}
    assert await keys(store, "m/a") == {"m/a/1", "m/a/2", "m/ab/3"}
    assert await keys(store) == {"m/a/1", "m/a/2", "m/ab/3", "n/4"}
    [found] = [found async for found in store.list("n/")]
    assert found.size == 2 and found.modified > 1_700_000_000


async def test_what_only_leads_to_an_object_or_beyond_one_is_missing(store):
    await store.put("m/a", of(b"x"), KIND)
    for key in ("m", "m/a/b"):
        assert await store.size(key) is None
        with pytest.raises(ObjectMissing):
            await anext(store.read(key, 0, 1))
        await store.delete(key)
    assert await keys(store) == {"m/a"}


@pytest.mark.parametrize("key", ["", "/etc/passwd", "../up", "a/../b", "a//b", ".partial/x", "a b", "ü"])
async def test_a_key_that_could_be_a_path_is_refused(store, key):
    for attempt in (store.put(key, of(b"x"), KIND), store.size(key), store.delete(key), anext(store.read(key, 0, 1))):
        with pytest.raises(ValueError, match="not an object key"):
            await attempt


async def test_a_store_that_is_there_answers(store):
    await store.ping()


@pytest.mark.live
async def test_a_store_that_is_away_or_refuses_is_down(swift):
    away = s3("http://127.0.0.1:1", "bucket", "secret")
    refusing = s3(swift.endpoint, swift.bucket(), "wrong")
    lost = s3(swift.endpoint, "no-such-bucket", swift.secret)
    for store in (away, refusing, lost):
        with pytest.raises(BackendDown):
            await store.ping()
        with pytest.raises(BackendDown):
            await store.put("a", of(b"x"), KIND)


@asynccontextmanager
async def refusing(status: str, code: str) -> AsyncIterator[str]:
    """An endpoint that answers every request so."""
    body = f"<Error><Code>{code}</Code></Error>"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        ("507 Insufficient Storage", "XMinioStorageFull", BackendFull),
        ("413 Request Entity Too Large", "EntityTooLarge", BackendFull),
        ("403 Forbidden", "QuotaExceeded", BackendFull),
        ("403 Forbidden", "AccessDenied", BackendDown),
    ],
)
async def test_a_store_without_room_is_full_and_not_down(status, code, meaning):
    async with refusing(status, code) as endpoint:
        with pytest.raises(meaning):
            await s3(endpoint, "bucket", "secret").put("507", of(b""), KIND)


async def test_what_a_dead_process_left_is_removed_and_what_is_under_way_stays(tmp_path):
    store = FolderStore(tmp_path / "objects")
    await store.put("kept", of(b"x"), KIND)
    dead, under_way = (tmp_path / "objects" / ".partial" / name for name in ("dead", "young"))
    for partial in (dead, under_way):
        partial.write_bytes(b"half")
    os.utime(dead, (0, 0))
    await store.tidy()
    assert not dead.exists() and under_way.exists()
    assert await whole(store, "kept") == b"x"


@pytest.mark.live
async def test_a_cancelled_upload_in_parts_leaves_no_parts(swift):
    bucket, under_way = swift.bucket(), asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * MIB
        under_way.set()
        await asyncio.Event().wait()

    put = asyncio.create_task(s3(swift.endpoint, bucket, swift.secret).put("half", chunks(), KIND))
    await under_way.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert swift.client().list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


async def test_a_put_cancelled_at_any_moment_leaves_nothing(tmp_path):
    store = FolderStore(tmp_path / "objects")
    for turns in range(60):
        task = asyncio.create_task(store.put(f"k{turns}", of(b"x" * 100), KIND))
        for _ in range(turns):
            await asyncio.sleep(0.0002)
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        there = await store.size(f"k{turns}") is not None
        assert there == (outcome == 100)
    assert not list((tmp_path / "objects" / ".partial").glob("*"))


@pytest.mark.live
async def test_a_failed_upload_in_parts_leaves_no_parts(swift):
    bucket = swift.bucket()

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * MIB
        raise LookupError("gone")

    with pytest.raises(LookupError):
        await s3(swift.endpoint, bucket, swift.secret).put("half", chunks(), KIND)
    assert swift.client().list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


async def test_a_folder_that_cannot_be_made_is_down(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = FolderStore(tmp_path / "file" / "objects")
    with pytest.raises(BackendDown):
        await store.ping()
    with pytest.raises(BackendDown):
        await store.put("a", of(b"x"), KIND)


async def test_every_folder_from_the_object_up_is_synced_before_a_put_returns(tmp_path):
    root, synced = tmp_path / "objects", []
    await FolderStore(root, sync_folder=synced.append).put("m/a/1", of(b"x"), KIND)
    assert synced == [root / "m" / "a", root / "m", root]


async def test_a_listing_goes_on_while_what_it_lists_is_deleted(tmp_path):
    store, kept = FolderStore(tmp_path / "objects"), 0
    for at in range(1500):
        path = tmp_path / "objects" / f"m{at % 300}" / str(at)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    async for _ in store.list("m"):
        if kept == 0:
            shutil.rmtree(tmp_path / "objects")
        kept += 1
    assert 0 < kept < 1500
