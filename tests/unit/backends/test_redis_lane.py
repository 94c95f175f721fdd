"""One connection to a member that answers late, wrongly or not at all: a small server that speaks its protocol."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import hiredis
import pytest

from gigaday.backends.redis_lane import Access, Lane, ReplyError
from gigaday.errors import BackendDown

Answer = Callable[[list[bytes], asyncio.StreamWriter], Awaitable[None]]


class Member:
    """Answers PING and ECHO; `LATE word seconds` echoes after a while, `NEVER` not, `RUBBISH` wrongly, `END` ends."""

    def __init__(self, awake: bool = True) -> None:
        self.awake, self.writes, self.connections = awake, 0, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        parser = hiredis.Reader()
        while data := await reader.read(65_536):
            self.writes += 1
            parser.feed(data)
            while (words := parser.gets()) is not False:
                if self.awake:
                    await self._answer(words, writer)
        writer.close()

    async def _answer(self, words: list[bytes], writer: asyncio.StreamWriter) -> None:
        match words[0]:
            case b"LATE":
                await asyncio.sleep(float(words[2]))
                writer.write(b"+%b\r\n" % words[1])
            case b"ECHO":
                writer.write(b"+%b\r\n" % words[1])
            case b"PING":
                writer.write(b"+PONG\r\n")
            case b"AUTH" if words[1:] == [b"default", b"right"]:
                writer.write(b"+OK\r\n")
            case b"RUBBISH":
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            case b"END":
                writer.close()
            case b"NEVER":
                pass
            case _:
                writer.write(b"-WRONG command\r\n")


@pytest.fixture
def member() -> Member:
    return Member()


@pytest.fixture
async def port(member: Member) -> AsyncIterator[int]:
    server = await asyncio.start_server(member.serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def lane(port: int) -> AsyncIterator[Lane]:
    opened = Lane(("127.0.0.1", port), Access(), lambda _lane: None)
    yield opened
    opened.close()


async def ask(lane: Lane, *words: str, within: float = 0.5) -> object:
    return await lane.ask(words, asyncio.get_running_loop().time() + within)


async def test_what_one_turn_asks_is_one_write_and_each_gets_its_own_answer(lane: Lane, member: Member) -> None:
    await ask(lane, "PING")
    before = member.writes
    answers = await asyncio.gather(*(ask(lane, "ECHO", str(n)) for n in range(100)))
    assert answers == [str(n).encode() for n in range(100)]
    assert member.writes == before + 1


async def test_an_answer_that_comes_too_late_is_given_to_nobody_else(lane: Lane) -> None:
    await ask(lane, "PING")
    late, next_ = asyncio.ensure_future(ask(lane, "LATE", "a", "0.1", within=0.05)), ask(lane, "ECHO", "b")
    with pytest.raises(BackendDown):
        await late
    assert await next_ == b"b"


async def test_a_deadline_is_kept_though_nothing_else_happens(lane: Lane) -> None:
    await ask(lane, "PING")
    loop = asyncio.get_running_loop()
    for _ in range(3):
        began = loop.time()
        with pytest.raises(BackendDown):
            await ask(lane, "NEVER", within=0.03)
        assert loop.time() - began < 0.15


async def test_a_cancelled_caller_harms_nobody(lane: Lane) -> None:
    await ask(lane, "PING")
    given_up = asyncio.ensure_future(ask(lane, "LATE", "a", "0.05"))
    after = asyncio.ensure_future(ask(lane, "ECHO", "b"))
    await asyncio.sleep(0.01)
    given_up.cancel()
    assert await after == b"b"


async def test_a_silent_member_is_dropped_and_then_refuses_at_once(lane: Lane, member: Member) -> None:
    await ask(lane, "PING")
    member.awake = False
    with pytest.raises(BackendDown, match="silent"):
        await ask(lane, "PING", within=2)
    with pytest.raises(BackendDown, match="away"):
        await ask(lane, "PING")
    await asyncio.sleep(0.1)  # its kernel still accepts: that proves nothing
    with pytest.raises(BackendDown):
        await ask(lane, "PING", within=0.05)
    assert not lane.open
    member.awake = True
    async with asyncio.timeout(3):
        while not lane.open:
            try:
                await ask(lane, "PING")
            except BackendDown:
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("word", ["END", "RUBBISH"])
async def test_all_that_wait_fail_when_the_connection_is_lost(lane: Lane, word: str) -> None:
    await ask(lane, "PING")
    answers = await asyncio.gather(
        ask(lane, "LATE", "a", "0.01"), ask(lane, word), ask(lane, "NEVER"), return_exceptions=True
    )
    assert answers[0] == b"a"
    assert [type(answer) for answer in answers[1:]] == [BackendDown, BackendDown]


async def test_a_refusal_is_the_callers_alone(lane: Lane) -> None:
    answers = await asyncio.gather(ask(lane, "NONSENSE"), ask(lane, "ECHO", "a"), return_exceptions=True)
    assert isinstance(answers[0], ReplyError) and answers[0].kind == "WRONG"
    assert answers[1] == b"a"


@pytest.mark.parametrize(("password", "well"), [("right", True), ("wrong", False)])
async def test_the_password_is_said_before_anything_else(port: int, password: str, well: bool) -> None:
    lane = Lane(("127.0.0.1", port), Access(password=password), lambda _lane: None)
    [answer] = await asyncio.gather(ask(lane, "ECHO", "a"), return_exceptions=True)
    assert (answer == b"a") is well and isinstance(answer, BackendDown) is not well
    lane.close()
