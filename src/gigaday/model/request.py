"""What the stages of one request tell each other: kept in the ASGI scope under `KEY`."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any

import msgspec

from gigaday.errors import ApiError

KEY = "gigaday"


class Principal(msgspec.Struct, frozen=True):
    """Who calls. `tenant` is empty for the operator; `plan` names a `model.plan.Plan`; `expires_at` is the end of the
    token, as stored."""

    token_id: str
    tenant: str
    scopes: frozenset[str]
    plan: str
    operator: bool = False
    expires_at: str | None = None


class RequestState(msgspec.Struct):
    """`started` is monotonic seconds; `headers` are added to whatever is answered (lower-case names).

    `deadline`, in monotonic seconds, is when nobody waits for the answer any more. `client` is the caller's address as
    limits count it (IPv6 as its /64). `refusal` is what `edge.authenticate` found wrong with the credentials;
    `edge.limit` raises it. `idle` is entered for as long as nothing is worked on for it (see `edge.shed`).
    """

    request_id: str
    started: float
    principal: Principal | None = None
    client: str = ""
    refusal: ApiError | None = None
    deadline: float = math.inf
    headers: list[tuple[bytes, bytes]] = []
    idle: Callable[[], AbstractContextManager[None]] = nullcontext


CURRENT: ContextVar[RequestState | None] = ContextVar("current_request", default=None)
"""The request that is being worked on, for what lies too deep to be handed it."""
_LEAST_SECONDS = 0.05
CONSISTENCY = b"x-consistency-token"
"""Names the header that a write answers with, and that a read elsewhere may pass on to see the write."""


def time_left(now: float, most: float) -> float:
    """Of `most` seconds, those that are left to whom the present request may still be of use; never less than a little,
    as work that was begun must be able to fail in its own way."""
    state = CURRENT.get()
    return most if state is None else min(most, max(_LEAST_SECONDS, state.deadline - now))


def idle() -> AbstractContextManager[None]:
    """To be entered while the present request, if there is one, waits for work that is another's."""
    state = CURRENT.get()
    return nullcontext() if state is None else state.idle()


def note_receipt(token: str) -> None:
    """Has the present request's answer carry the receipt of its latest write; does nothing outside a request."""
    state = CURRENT.get()
    if state is not None and token:
        kept = [pair for pair in state.headers if pair[0] != CONSISTENCY]
        state.headers = [*kept, (CONSISTENCY, token.encode())]


def state_of(scope: Any) -> RequestState:
    """The request's state; KeyError where `edge.observe` did not run."""
    state: RequestState = scope[KEY]
    return state
