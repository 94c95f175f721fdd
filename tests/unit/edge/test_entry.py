import asyncio
import base64
import gc
import random
import tracemalloc
import zlib
from sys import getsizeof

import brotli
import pytest
import zstandard

from gigaday.edge.entry import Entry

BODY = b'{"data": "' + b"abc " * 500 + b'"}'
HEADERS = [(b"content-type", b"application/json"), (b"etag", b'"abc"'), (b"cache-control", b"private")]
DECODE = {
    "": lambda body: body,
    "zstd": zstandard.decompress,
    "br": brotli.decompress,
    "gzip": lambda body: zlib.decompress(body, wbits=31),
}


@pytest.mark.parametrize("encoding", DECODE)
async def test_each_encoding_has_its_bytes_its_length_and_its_tag(encoding: str) -> None:
    made = await Entry(200, HEADERS, BODY).make(encoding)
    assert DECODE[encoding](made.body) == BODY
    assert dict(made.headers)[b"content-length"] == str(len(made.body)).encode()
    assert made.etag == (f'"abc-{encoding}"' if encoding else '"abc"')
    assert dict(made.held)[b"etag"] == made.etag.encode()


async def test_an_encoding_is_made_once_and_then_given_without_waiting() -> None:
    entry = Entry(200, HEADERS, BODY)
    assert entry.variant("zstd") is None
    made = await entry.make("zstd")
    assert entry.variant("zstd, gzip;q=0.5") is made
    assert await entry.make("zstd") is made


async def test_absurd_accept_encodings_make_no_further_bytes() -> None:
    entry = Entry(200, HEADERS, BODY)
    made = {id(await entry.make(f"zstd, x{number}")) for number in range(100)}
    assert len(made) == 1


async def test_says_what_its_answer_depends_on() -> None:
    made = await Entry(200, HEADERS, BODY).make("")
    assert dict(made.held)[b"vary"] == b"Accept-Encoding, Authorization, X-API-Key"
    assert set(dict(made.held)) == {b"etag", b"cache-control", b"vary"}


def _random_text(size: int) -> bytes:
    return b'{"data": "' + base64.b64encode(random.Random(1).randbytes(size)) + b'"}'


async def test_its_size_grows_by_each_encoding_once_and_it_tells_so() -> None:
    """Also where encoding saves little."""
    entry, sizes = Entry(200, HEADERS, _random_text(200_000)), []
    entry.grown = lambda: sizes.append(entry.size)
    made = {id(variant.body): variant.body for variant in [await entry.make(name) for name in (*DECODE, *DECODE)]}
    assert sizes == sorted(set(sizes))
    assert len(sizes) == len(made) == len(DECODE)
    assert 1 <= entry.size / sum(map(getsizeof, made.values())) < 1.1


@pytest.mark.parametrize("accepted", [[""], ["gzip"], ["br"], ["", "gzip", "br", "zstd"]])
@pytest.mark.parametrize("length", [300, 600, 20_000])
async def test_its_size_is_what_it_takes_in_memory(accepted: list[str], length: int) -> None:
    for name in accepted:
        await Entry(200, HEADERS, _random_text(1_000)).make(name)
    gc.collect()  # frees what Python holds ready for the next objects, which would count as nothing
    tracemalloc.start()
    try:
        entries = [_read_anew(number, length) for number in range(200)]
        for entry in entries:
            for name in accepted:
                await entry.make(name)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.9 < taken / sum(entry.size for entry in entries) < 1.1


def _read_anew(number: int, length: int) -> Entry:
    """Shares no object with any other, as what comes from the origin."""
    names = [(b"etag", f'"{number:026}.1"'.encode()), (b"content-length", str(length).encode()), *HEADERS[::2]]
    headers = [(bytes(bytearray(name)), bytes(bytearray(value))) for name, value in names]
    return Entry(200, headers, _random_text(length * 3 // 4 - 12))


async def test_of_text_all_encodings_are_kept() -> None:
    entry = Entry(200, HEADERS, BODY)
    made = [await entry.make(name) for name in DECODE]
    assert [entry.variant(name) for name in DECODE] == made


async def test_those_who_want_a_large_answer_at_once_share_its_encoding() -> None:
    entry = Entry(200, HEADERS, _random_text(300_000))
    first, second = await asyncio.gather(entry.make("gzip"), entry.make("gzip"))
    assert first is second


async def test_who_gives_up_takes_nobody_elses_encoding_with_it() -> None:
    entry = Entry(200, HEADERS, _random_text(300_000))
    first, second = (asyncio.create_task(entry.make("gzip")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert DECODE["gzip"]((await second).body) == entry.body
