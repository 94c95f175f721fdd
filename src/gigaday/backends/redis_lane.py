"""One connection to one Redis member, shared by all callers: what one turn of the event loop asks is one write.

Replies come in the order of the questions. A question that got no answer by its deadline fails, and its reply is
skipped when it comes; a member that says nothing at all for a while is taken for dead, and asking it fails at once
until a new connection has proved to be of use. The protocol's parser is hiredis, Redis's own.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import hiredis

from gigaday.errors import BackendDown

Address = tuple[str, int]
Word = str | bytes | int | float

_CONNECT_SECONDS = 0.5
_SILENT_SECONDS = 0.2
"""A frozen process keeps its connections, and its kernel goes on accepting new ones."""
_LEAST_PAUSE, _MOST_PAUSE = 0.05, 0.5
_MORE = object()
_PUSHED = {b"smessage", b"sunsubscribe"}


class ReplyError(Exception):
    """What Redis answered instead of a value; it begins with a word in capitals."""

    @property
    def kind(self) -> str:
        return str(self).partition(" ")[0]


@dataclass(slots=True, frozen=True)
class Access:
    """How to connect to any member: `password` may be empty, `tls` None."""

    username: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None

    def greeting(self) -> list[tuple[Word, ...]]:
        """What is said first; the answers prove that the member is awake."""
        if not self.password:
            return [("PING",)]
        return [("AUTH", self.username or "default", self.password), ("PING",)]


@dataclass(slots=True, eq=False)
class _Question:
    words: tuple[Word, ...]
    answer: asyncio.Future[Any]
    deadline: float


class Lane(asyncio.Protocol):
    """The connection to the member at `address`, made when first asked and made anew after a loss.

    `lost` is called whenever an established connection ends or cannot be made; `pushed` with each message of a
    subscription.
    """

    def __init__(
        self,
        address: Address,
        access: Access,
        lost: Callable[["Lane"], None],
        pushed: Callable[[list[Any]], None] | None = None,
    ) -> None:
        self.address = address
        self.open = False
        self._access, self._lost, self._pushed = access, lost, pushed
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._opening: asyncio.Task[None] | None = None
        self._parser = hiredis.Reader(replyError=ReplyError, notEnoughData=_MORE)
        self._early: list[_Question] = []
        self._unsent: list[_Question] = []
        self._unanswered: deque[_Question] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._heard = self._loop.time()
        self._pause, self._retry_at = _LEAST_PAUSE, 0.0

    def ask(self, words: tuple[Word, ...], deadline: float) -> asyncio.Future[Any]:
        """The reply to come, by `deadline` (in the loop's time) or not at all: then BackendDown. Raises BackendDown at
        once where the member is known to be away, and ReplyError through the future."""
        question = _Question(words, self._loop.create_future(), deadline)
        if self.open:
            self._put(question)
        else:
            self.connect()
            self._early.append(question)
        if self._timer is None or deadline < self._due:
            self._wake_at(deadline)
        return question.answer

    def connect(self) -> None:
        """Begins to connect, unless it has begun. Raises BackendDown while it is too early for another attempt."""
        if self.open or self._opening is not None:
            return
        if self._loop.time() < self._retry_at:
            raise BackendDown(f"redis: {_text(self.address)} is away")
        self._opening = self._loop.create_task(self._connect())

    def close(self) -> None:
        """Drops the connection; everything unanswered fails."""
        if self._opening is not None:
            self._opening.cancel()
        if self._transport is not None:
            self._transport.abort()
        self._fail("was closed")

    async def _connect(self) -> None:
        host, port = self.address
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._loop.create_connection(lambda: self, host, port, ssl=self._access.tls)
                answers = [self._greet(words) for words in self._access.greeting()]
                for answer in answers:
                    await answer
        except (OSError, TimeoutError, ReplyError, BackendDown) as error:
            self._opening = None
            if self._transport is not None:
                self._transport.abort()
            self._gone(f"does not answer: {error or type(error).__name__}")
        else:
            self._opening, self.open, self._pause = None, True, _LEAST_PAUSE
            for question in self._early:
                self._put(question)
            self._early.clear()

    def _greet(self, words: tuple[Word, ...]) -> asyncio.Future[Any]:
        question = _Question(words, self._loop.create_future(), self._loop.time() + _CONNECT_SECONDS)
        self._put(question)
        return question.answer

    def _put(self, question: _Question) -> None:
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(question)

    def _send(self) -> None:
        if self._transport is None or not self._unsent:
            return
        if not self._unanswered:
            self._heard = self._loop.time()  # silence counts from the question on
        packed = [
            hiredis.pack_command(question.words)  # type: ignore[arg-type]  # its stub asks for exactly one word
            for question in self._unsent
        ]
        self._transport.write(b"".join(packed))
        self._unanswered.extend(self._unsent)
        self._unsent.clear()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        self._parser = hiredis.Reader(replyError=ReplyError, notEnoughData=_MORE)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        self._parser.feed(data)
        try:
            while (reply := self._parser.gets()) is not _MORE:
                self._received(reply)
        except (hiredis.ProtocolError, IndexError):
            self._gone("does not speak as Redis does")

    def connection_lost(self, _error: Exception | None) -> None:
        if self._transport is not None:
            self._gone("closed the connection")

    def _received(self, reply: Any) -> None:
        if self._pushed is not None and isinstance(reply, list) and reply[0] in _PUSHED:
            self._pushed(reply)
            return
        answer = self._unanswered.popleft().answer
        if answer.done():
            return  # it came too late
        if isinstance(reply, ReplyError):
            answer.set_exception(reply)
        else:
            answer.set_result(reply)

    # Time and loss.

    def _wake_at(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._timer = due, self._loop.call_at(due, self._ripe)

    def _ripe(self) -> None:
        # A moment later: where the loop was held up, answers that have arrived are read before deadlines are judged.
        self._timer = self._loop.call_later(0.001, self._expire)

    def _expire(self) -> None:
        self._timer, now = None, self._loop.time()
        if self._unanswered and now - self._heard > _SILENT_SECONDS:
            self._gone("is silent")
            return
        waiting = [*self._unanswered, *self._unsent, *self._early]
        for question in waiting:
            if question.deadline <= now and not question.answer.done():
                question.answer.set_exception(BackendDown(f"redis: {_text(self.address)} did not answer in time"))
        self._early = [question for question in self._early if not question.answer.done()]
        if self._unanswered or self._unsent or self._early:
            ahead = min((q.deadline for q in waiting if not q.answer.done()), default=now + _SILENT_SECONDS)
            self._wake_at(min(ahead, now + _SILENT_SECONDS))

    def _gone(self, why: str) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self.open = False
        self._retry_at = self._loop.time() + self._pause
        self._pause = min(2 * self._pause, _MOST_PAUSE)
        self._fail(why)
        self._lost(self)

    def _fail(self, why: str) -> None:
        self.open = False
        failed: Sequence[_Question] = [*self._unanswered, *self._unsent, *self._early]
        self._unanswered.clear()
        self._unsent.clear()
        self._early.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for question in failed:
            if not question.answer.done():
                question.answer.set_exception(BackendDown(f"redis: {_text(self.address)} {why}"))


def _text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"
