import asyncio
from typing import Any

import pytest

from gigaday.edge.crowd import Stage
from gigaday.errors import RateLimited
from gigaday.model.request import Principal, RequestState


def _state(principal: Principal | None) -> RequestState:
    return RequestState("r", 0.0, principal=principal)


async def test_one_tenant_cannot_take_the_whole_node(call: Any) -> None:
    held = asyncio.Event()

    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        await held.wait()

    subject = Stage(waiting, at_once=lambda principal: 2)
    acme, other = (Principal("t", tenant, frozenset(), "free") for tenant in ("acme", "other"))
    running = [asyncio.create_task(call(subject, state=_state(acme))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(RateLimited, match="fewer at a time"):
        await call(subject, state=_state(acme))
    running.append(asyncio.create_task(call(subject, state=_state(other))))
    await asyncio.sleep(0)
    held.set()
    await asyncio.gather(*running)
    assert subject.running == {}
    await call(subject, state=_state(acme))


@pytest.mark.parametrize("principal", [None, Principal("t", "", frozenset(), "unlimited", operator=True)])
async def test_the_operator_and_nobody_are_not_counted(call: Any, replying: Any, principal: Principal | None) -> None:
    subject = Stage(replying(), at_once=lambda principal: 0)
    assert (await call(subject, state=_state(principal))).status == 200


async def test_a_request_that_fails_makes_room(call: Any, raising: Any) -> None:
    subject = Stage(raising(ValueError()), at_once=lambda principal: 1)
    for _ in range(3):
        with pytest.raises(ValueError):
            await call(subject, state=_state(Principal("t", "acme", frozenset(), "free")))
    assert subject.running == {}


async def test_passes_lifespan_on(lifespan: Any) -> None:
    assert await lifespan(lambda app: Stage(app, at_once=lambda principal: 1))
