from typing import Any

import pytest

from gigaday.edge.modes import Stage
from gigaday.errors import ReadOnly, Unavailable
from gigaday.model.mode import NORMAL, Mode, of_level
from gigaday.model.request import Principal, RequestState


def state(tenant: str = "acme", operator: bool = False) -> RequestState:
    return RequestState("r", 0.0, principal=Principal("t", tenant, frozenset(), "free", operator))


def _priority(method: str, path: str) -> Any:
    return "write" if method == "POST" else "list" if path == "/list" else "read"


@pytest.fixture
def stage(replying: Any) -> Any:
    def make(mode: Mode, tenant: str = "acme") -> Stage:
        return Stage(
            replying(),
            mode_of=lambda asked: mode if asked in (tenant, "") else NORMAL,
            priority=_priority,
            streams=lambda method, path: path == "/media",
        )

    return make


EACH = [("GET", "/things"), ("GET", "/list"), ("POST", "/things"), ("POST", "/media")]


async def _refused(call: Any, stage: Stage) -> list[tuple[str, str]]:
    refused = []
    for method, path in EACH:
        try:
            await call(stage, method, path, state=state())
        except Unavailable:
            refused.append((method, path))
    return refused


@pytest.mark.parametrize(
    ("mode", "refused"),
    [
        (NORMAL, []),
        (of_level("serve_stale"), []),
        (of_level("read_only"), EACH[2:]),
        (of_level("shed"), [EACH[1], EACH[3]]),
        (Mode(admits="write"), [EACH[0], EACH[1], EACH[3]]),
        (of_level("shed") | of_level("read_only"), EACH[1:]),
    ],
)
async def test_refuses_what_the_mode_gives_up(call: Any, stage: Any, mode: Mode, refused: Any) -> None:
    assert await _refused(call, stage(mode)) == refused


async def test_a_refusal_names_its_mode_and_says_when_to_come_back(call: Any, stage: Any) -> None:
    for mode, kind, method, path in (("read_only", ReadOnly, "POST", "/things"), ("shed", Unavailable, "GET", "/list")):
        with pytest.raises(kind) as raised:
            await call(stage(of_level(mode)), method, path, state=state())
        assert raised.value.headers == {"Retry-After": "5", "X-Degraded": mode}


async def test_the_operator_and_other_tenants_go_on(call: Any, stage: Any) -> None:
    refusing = stage(of_level("read_only"))
    for asking in (state(tenant="", operator=True), state(tenant="other"), RequestState("r", 0.0)):
        assert (await call(refusing, "POST", state=asking)).status == 200


async def test_counts_what_it_refuses(call: Any, stage: Any) -> None:
    refusing = stage(of_level("shed") | of_level("read_only"))
    await _refused(call, refusing)
    assert (refusing.read_only, refusing.shed) == (1, 2)


async def test_passes_lifespan_on(lifespan: Any) -> None:
    assert await lifespan(
        lambda app: Stage(app, mode_of=lambda t: NORMAL, priority=_priority, streams=lambda m, p: False)
    )
