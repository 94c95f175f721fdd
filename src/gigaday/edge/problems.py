"""Turns every exception into an RFC 9457 problem document."""

from structlog.typing import FilteringBoundLogger

from gigaday.edge.asgi import App, Message, Receive, Scope, Send
from gigaday.edge.problem_json import render
from gigaday.errors import (
    ApiError,
    BackendDown,
    BackendFull,
    BackendReadOnly,
    BadRequest,
    OutOfSpace,
    ReadOnly,
    Unavailable,
)
from gigaday.model.request import state_of


class Stage:
    """Answers for whatever is raised below. Once an answer has started, it raises on: the server then breaks the
    connection, the one way left to tell the client that the answer is not whole."""

    def __init__(self, app: App, *, log: FilteringBoundLogger) -> None:
        self.app = app
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        line = _Line(receive, send)
        try:
            await self.app(scope, line.receive, line.send)
        except Exception as error:
            told = self._told(error, scope, line)
            if line.started:
                if line.gone:
                    return
                raise
            await _answer(scope, told, send)

    def _told(self, error: Exception, scope: Scope, line: "_Line") -> ApiError:
        """What the caller is told of `error`; logs what an operator has to know."""
        request_id = state_of(scope).request_id
        match error:
            case ApiError():
                return error
            case _ if line.gone:
                self.log.info("client_gone", request_id=request_id)
                return BadRequest("The client went away before its request was whole")
            case BackendReadOnly():
                self.log.warning("backend_read_only", request_id=request_id, reason=str(error))
                return ReadOnly()
            case BackendDown():
                self.log.warning("backend_down", request_id=request_id, reason=str(error))
                return Unavailable("A part this request needs cannot be reached; try again")
            case BackendFull():
                self.log.error("backend_full", request_id=request_id, reason=str(error))
                return OutOfSpace()
            case _:
                self.log.error("unhandled", request_id=request_id, exc_info=error)
                return ApiError("Something went wrong here; quote the request_id when you report it")


class _Line:
    """The connection, watched: has the answer started, has the client gone."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.started = False
        self.gone = False
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.gone = True
        return message

    async def send(self, message: Message) -> None:
        self.started = True
        try:
            await self._send(message)
        except OSError:
            self.gone = True
            raise


async def _answer(scope: Scope, error: ApiError, send: Send) -> None:
    status, headers, body = render(error, state_of(scope).request_id)
    try:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
    except OSError:
        # The client went away while it was told: nobody is left to hear of it.
        return
