"""Keeps the node answering: refuses what is malformed or too large, and sheds the least urgent load first.

How much is too much is learnt from how long requests take (`rules.concurrency`), within a cap that is set. A request
that waits for its client, for more of a body or to have more of an answer taken, costs no work and counts only
towards that cap: a few slow clients must not take the places of all the others. One that waits for what is loaded for
another counts for even less, and is let go on when it comes: a crowd that asks for one thing is to have it.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gigaday.contracts import Clock
from gigaday.edge.asgi import App, Message, Receive, Scope, Send, values
from gigaday.edge.load import FULL, Caps, Load, Priority
from gigaday.errors import BadRequest, BodyTooLarge, HeadersTooLarge, Unavailable
from gigaday.model.request import state_of


class UriTooLong(BadRequest):
    status, title = 414, "The URL is too long"


class Stage:
    """`body_cap`, `priority` and `streams` decide from (method, path). What streams has no deadline."""

    def __init__(
        self,
        app: App,
        *,
        caps: Caps,
        load: Load,
        clock: Clock,
        body_cap: Callable[[str, str], int],
        priority: Callable[[str, str], Priority],
        streams: Callable[[str, str], bool],
    ) -> None:
        self.app = app
        self.caps, self.load, self.clock = caps, load, clock
        self.body_cap = body_cap
        self.priority = priority
        self.streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        priority = self.priority(method, path)
        if self.load.refuses(priority):
            raise Unavailable(FULL)
        _check_head(scope, self.caps)
        cap = self.body_cap(method, path)
        _check_length(scope, cap)
        streams = self.streams(method, path)
        place = _Place(self.load)
        state = state_of(scope)
        state.idle = place.idle
        self.load.open += 1
        try:
            await self._run(scope, place.receiving(_counted(receive, cap)), place.sending(send), streams)
            if method == "GET" and priority != "health" and not streams and not place.idled:
                # How long a body takes is up to the client, who must not be able to teach that the node is slow. Nor
                # does one load teach more for all who wait for it.
                now = self.clock.monotonic()
                self.load.limit.record(now - state.started, self.load.in_flight, now)
        finally:
            self.load.open -= 1
            place.end()

    async def _run(self, scope: Scope, receive: Receive, send: Send, streams: bool) -> None:
        if streams:
            await self.app(scope, receive, send)
            return
        try:
            state = state_of(scope)
            state.deadline = state.started + self.caps.request_timeout
            async with asyncio.timeout(self.caps.request_timeout) as deadline:
                await self.app(scope, receive, _stopping(deadline, send))
        except TimeoutError:
            # A time-out of the application's own is a bug or a back end's, not this deadline.
            if not deadline.expired():
                raise
            raise Unavailable("The request took too long; try again") from None


class _Place:
    """A request's place among those that are worked on, left while it waits for its client or for another's load."""

    def __init__(self, load: Load) -> None:
        self._load, self._taken, self._answering, self._ended = load, False, False, False
        self.idled = False
        self._take()

    def end(self) -> None:
        """For good: whoever still listens when the request is over takes no place again."""
        self._leave()
        self._ended = True

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Leaves the place meanwhile, and takes it again though there be none free: the work is nearly done."""
        self.idled = True
        self._leave()
        self._load.open -= 1
        self._load.idle += 1
        try:
            yield
        finally:
            self._load.idle -= 1
            self._load.open += 1
            self._take()

    def _take(self) -> None:
        if not self._taken and not self._ended:
            self._load.in_flight += 1
            self._taken = True

    def _leave(self) -> None:
        if self._taken:
            self._load.in_flight -= 1
            self._taken = False

    def receiving(self, receive: Receive) -> Receive:
        async def receiving() -> Message:
            if self._answering:  # only listening for the client to go, beside the work
                return await receive()
            self._leave()
            try:
                return await receive()
            finally:
                self._take()

        return receiving

    def sending(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            self._answering = True
            self._leave()
            try:
                await send(message)
            finally:
                self._take()

        return sending


def _stopping(deadline: asyncio.Timeout, send: Send) -> Send:
    """`send`, which ends the deadline as the answer starts: half an answer helps nobody."""
    pending = True

    async def sending(message: Message) -> None:
        nonlocal pending
        if pending and not deadline.expired():
            deadline.reschedule(None)
            pending = False
        await send(message)

    return sending


def _counted(receive: Receive, cap: int) -> Receive:
    """`receive`, which raises once more than `cap` bytes have come (a chunked body announces no length)."""
    seen = 0

    async def receiving() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > cap:
                raise BodyTooLarge(f"The body may have at most {cap} bytes here")
        return message

    return receiving


def _check_head(scope: Scope, caps: Caps) -> None:
    """The server hands a missing Host on as an empty one, so refusing it falls to us (RFC 9112 section 3.2)."""
    headers = scope["headers"]
    size = sum(len(name) + len(value) + 4 for name, value in headers)
    if len(headers) > caps.header_count or size > caps.header_bytes:
        raise HeadersTooLarge(f"At most {caps.header_count} headers of {caps.header_bytes} bytes together are read")
    target = len(scope.get("raw_path") or scope["path"]) + len(scope.get("query_string", b""))
    if target > caps.url_bytes:
        raise UriTooLong(f"A URL may have at most {caps.url_bytes} bytes")
    hosts = values(scope, b"host")
    if len(hosts) != 1 or not hosts[0].strip():
        raise BadRequest("Exactly one Host header is required")


def _check_length(scope: Scope, cap: int) -> None:
    lengths = set(values(scope, b"content-length"))
    if not lengths:
        return
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()):
        raise BadRequest("Content-Length must be one whole number")
    # More digits than a length can have would be slow to convert.
    if len(length) > 19 or int(length) > cap:
        raise BodyTooLarge(f"The body may have at most {cap} bytes here")
