"""What the stages of one request tell each other: kept in the ASGI scope under `KEY`."""

from typing import Any

import msgspec

from gigaday.contracts import Policy
from gigaday.errors import ApiError

KEY = "gigaday"


class Principal(msgspec.Struct, frozen=True):
    """Who calls. `tenant` is empty for the operator; `plan` names a `model.plan.Plan`."""

    token_id: str
    tenant: str
    scopes: frozenset[str]
    plan: str
    operator: bool = False


class RequestState(msgspec.Struct):
    """`started` is monotonic seconds; `headers` are added to whatever is answered (lower-case names).

    `client` is the caller's address as limits count it (IPv6 as its /64). `refusal` is what `edge.authenticate` found
    wrong with the credentials; `edge.limit` raises it.
    """

    request_id: str
    started: float
    principal: Principal | None = None
    policy: Policy | None = None
    client: str = ""
    refusal: ApiError | None = None
    headers: list[tuple[bytes, bytes]] = []


def state_of(scope: Any) -> RequestState:
    """The request's state; KeyError where `edge.observe` did not run."""
    state: RequestState = scope[KEY]
    return state
