"""From operations to an ASGI app: a table of paths, the scope check, and what the edge asks about a path."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gigaday.api.idempotency import Idempotency
from gigaday.api.operation import OPERATOR, PUBLIC, Call, Operation
from gigaday.errors import Forbidden, MethodNotAllowed, NotFound, Unauthenticated
from gigaday.model.request import Principal, state_of

_NOBODY = Principal("", "", frozenset(), "")
_Methods = dict[str, Operation]


class Router:
    """Serves `operations`; `new_id` makes ids; paths that are no operation's go to `others`."""

    def __init__(
        self,
        operations: Iterable[Operation],
        idempotency: Idempotency,
        new_id: Callable[[], str],
        others: ASGIApp,
    ) -> None:
        self._idempotency, self._new_id, self._others = idempotency, new_id, others
        # One request asks several times: for its limits, its cap, its handler.
        self.resolve = lru_cache(maxsize=256)(self._resolve)
        self._exact: dict[str, _Methods] = {}
        self._patterns: dict[tuple[str, ...], list[tuple[tuple[str, ...], _Methods]]] = {}
        for operation in operations:
            self._methods(operation.path)[operation.method] = operation

    def _methods(self, path: str) -> _Methods:
        if "{" not in path:
            return self._exact.setdefault(path, {})
        parts = tuple(path.split("/"))
        candidates = self._patterns.setdefault(_shape(parts), [])
        for known, methods in candidates:
            if known == parts:
                return methods
        candidates.append((parts, {}))
        return candidates[-1][1]

    def _resolve(self, path: str) -> tuple[_Methods | None, dict[str, str]]:
        """The operations of a path, by method, and its parameters; neither may be changed."""
        if (methods := self._exact.get(path)) is not None:
            return methods, {}
        parts = tuple(path.split("/"))
        for known, methods in self._patterns.get(_shape(parts), ()):
            if all(a == b or a.startswith("{") for a, b in zip(known, parts, strict=True)):
                return methods, {a[1:-1]: b for a, b in zip(known, parts, strict=True) if a.startswith("{")}
        return None, {}

    def operation(self, method: str, path: str) -> Operation | None:
        """The operation that would answer, if any."""
        methods, _ = self.resolve(path)
        return (methods or {}).get("GET" if method == "HEAD" else method)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        methods, params = self.resolve(scope["path"])
        if methods is None:
            await self._others(scope, receive, send)
            return
        method = scope["method"]
        operation = methods.get("GET" if method == "HEAD" else method)
        if operation is None and method == "OPTIONS":
            await Response(status_code=204, headers={"Allow": _allowed(methods)})(scope, receive, send)
            return
        if operation is None:
            raise MethodNotAllowed(f"{method[:20]} is not allowed here.", headers={"Allow": _allowed(methods)})
        principal = authorize(state_of(scope).principal, operation.scope)
        call = Call(Request(scope, receive), principal, params, self._new_id())
        handle = self._idempotency.run if operation.idempotent else _plain
        response = await handle(operation, call)
        await response(scope, receive, send)


async def no_such_path(scope: Scope, receive: Receive, send: Send) -> None:
    """Where a request ends that nothing serves."""
    raise NotFound("There is no such path; /api/openapi.json names those there are.")


async def _plain(operation: Operation, call: Call) -> Response:
    return await operation.handle(call)


def authorize(principal: Principal | None, scope: str) -> Principal:
    """The caller, if it may. Raises Unauthenticated or Forbidden."""
    if scope == PUBLIC:
        return principal or _NOBODY
    if principal is None:
        raise Unauthenticated("Send a token: Authorization: Bearer gd_... or X-API-Key: gd_...")
    if scope == OPERATOR:
        if not principal.operator:
            raise Forbidden("This needs the operator's token.")
    elif principal.operator or scope not in principal.scopes:
        raise Forbidden(f"This needs a tenant's token with the scope {scope}.")
    return principal


def _shape(parts: Sequence[str]) -> tuple[str, ...]:
    """Paths of the same length and beginning share a bucket, so that few patterns are tried."""
    return (str(len(parts)), *parts[1 : 4 if parts[1:2] == ["api"] else 2])


def _allowed(methods: _Methods) -> str:
    names = {*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])}
    return ", ".join(sorted(names))
