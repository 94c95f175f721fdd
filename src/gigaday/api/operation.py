"""One operation of the API, declared: what the router, the limits and the OpenAPI document are all made from."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gigaday.model.request import Principal

PUBLIC, OPERATOR = "", "operator"
JSON_TYPES = ("application/json",)
MERGE_TYPES = ("application/json", "application/merge-patch+json")


class Call(msgspec.Struct):
    """One call of an operation. `new_id` is the id that a creation must use: the same again when it is retried."""

    request: Request
    principal: Principal
    params: dict[str, str]
    new_id: str
    retried: bool = False


Handler = Callable[[Call], Awaitable[Response]]
Repeats = Callable[[Call, bytes], Awaitable[bool]]


class Parameter(msgspec.Struct, frozen=True):
    """A query or header parameter; `schema` is JSON Schema."""

    name: str
    schema: dict[str, Any]
    description: str = ""
    where: str = "query"
    required: bool = False


class Cached(msgspec.Struct, frozen=True):
    """An answer that may be cached for `seconds`: it depends on the item of `collection` that the path names as
    `{id}`, or without one on the whole collection, and on nothing else but path, query and tenant."""

    collection: str
    seconds: float


class Operation(msgspec.Struct, frozen=True):
    """`scope` is PUBLIC, OPERATOR or a token scope; `cost` is in tokens of the caller's bucket; `body_cap` in bytes
    (0: the default cap). `answer` is a Struct, or ("page" | "part", Struct): a list of it, or of it what `fields`
    chose. `opens` is for what has to work in an emergency: its limit opens while no shared bucket can be asked.
    `errors` are the statuses beyond those every operation may answer. `repeats` reads a streamed body and says
    whether it is the one that this answer was given to."""

    method: str
    path: str
    name: str
    summary: str
    handle: Handler
    scope: str
    tag: str
    body: Any = None
    body_types: tuple[str, ...] = JSON_TYPES
    body_required: bool = True
    example: Any = None
    answer: Any = None
    answer_types: tuple[str, ...] = ("application/json",)
    success: int = 200
    errors: tuple[int, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    cost: int = 1
    body_cap: int = 0
    streams: bool = False
    idempotent: bool = False
    cached: Cached | None = None
    opens: bool = False
    repeats: Repeats | None = None
