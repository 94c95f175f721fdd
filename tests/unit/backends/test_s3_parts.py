"""How a stream is cut into parts, without a store."""

import asyncio
import random

import pytest

from gigaday.backends.s3_parts import Cutter, Sizes
from gigaday.contracts import Growth, Part
from gigaday.errors import BackendDown

SMALL = Sizes(usual=8, least=5, most=64)
GIB = 1 << 30


class Upload:
    """Takes parts by number, like the store: a later one of the same number takes the place of the earlier."""

    def __init__(self):
        self.parts, self.at_once, self.most_at_once, self.fails = {}, 0, 0, ()

    async def send(self, number, body):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.at_once -= 1
        if number in self.fails:
            raise BackendDown("reset")
        self.parts[number] = body
        return f"tag{number}"


async def of(*chunks):
    for chunk in chunks:
        yield chunk


async def cut(upload, growth, held, *chunks, kept=None, sizes=SMALL):
    return await Cutter(growth, held, sizes, upload.send, kept).run(of(*chunks))


async def test_cuts_at_the_usual_size_and_leaves_what_is_too_little():
    upload = Upload()
    growth, rest = await cut(upload, Growth("k", "h"), b"", *[b"abc"] * 7)
    assert upload.parts == {1: b"abcabcabc", 2: b"abcabcabc"}
    assert (growth.offset, growth.parts, rest) == (18, (Part(1, 9, "tag1"), Part(2, 9, "tag2")), b"abc")


async def test_what_was_held_apart_comes_first_and_numbers_go_on():
    upload = Upload()
    begun = Growth("k", "h", 9, (Part(1, 9, "tag1"),))
    growth, rest = await cut(upload, begun, b"held", b"more", b"!")
    assert upload.parts == {2: b"heldmore"}
    assert (growth.offset, rest) == (17, b"!")


async def test_an_end_that_is_enough_for_a_part_is_one():
    upload = Upload()
    assert (await cut(upload, Growth("k", "h"), b"", b"12345"))[1] == b""
    assert (await cut(upload, Growth("k", "h"), b"", b"1234"))[1] == b"1234"


async def test_two_parts_are_on_their_way_at_once_and_no_more():
    upload = Upload()
    await cut(upload, Growth("k", "h"), b"", *[b"12345678"] * 20)
    assert (upload.most_at_once, len(upload.parts)) == (2, 20)


async def test_tells_of_each_part_only_once_all_before_it_are_there():
    upload, told = Upload(), []

    async def kept(growth):
        assert set(range(1, len(growth.parts) + 1)) <= set(upload.parts)
        told.append(growth.offset)

    await cut(upload, Growth("k", "h"), b"", *[b"12345678"] * 5, kept=kept)
    assert told == [8, 16, 24, 32, 40]


async def test_waits_for_what_is_on_its_way_when_a_part_fails():
    upload = Upload()
    upload.fails = (1,)
    with pytest.raises(BackendDown):
        await cut(upload, Growth("k", "h"), b"", *[b"12345678"] * 5)
    assert upload.at_once == 0


async def test_waits_for_what_is_on_its_way_when_it_is_cancelled():
    upload, started, go = Upload(), asyncio.Event(), asyncio.Event()

    async def slow(number, body):
        started.set()
        await go.wait()
        return await upload.send(number, body)

    task = asyncio.create_task(Cutter(Growth("k", "h"), b"", SMALL, slow, None).run(of(b"12345678")))
    await started.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert upload.parts == {1: b"12345678"}


async def test_any_way_of_cutting_gives_the_same_bytes():
    chance = random.Random(4)
    for _ in range(200):
        content, upload, growth, held = chance.randbytes(chance.randrange(400)), Upload(), Growth("k", "h"), b""
        at = 0
        while at < len(content):
            piece = content[at : at + chance.randrange(1, 60)]
            at += len(piece)
            growth, held = await cut(upload, growth, held, *(piece[i : i + 3] for i in range(0, len(piece), 3)))
            assert growth.offset + len(held) == at
        assert b"".join(upload.parts[part.number] for part in growth.parts) + held == content
        assert all(part.size >= SMALL.least for part in growth.parts)


@pytest.mark.parametrize("share", [5 / 8, 1])
def test_four_hundred_gib_in_one_stream_and_250_in_small_requests_fit_into_ten_thousand_parts(share):
    sizes, offset, parts = Sizes(), 0, 0
    while offset < (250 if share < 1 else 400) * GIB:
        size = int(sizes.at(offset) * share)
        assert size >= sizes.least
        assert sizes.at(offset) <= 64 << 20
        offset, parts = offset + size, parts + 1
    assert parts < 10_000
