"""Tenants made for a run: each of its own, so that runs do not see each other's products."""

import asyncio
import time
from dataclasses import replace

from gigaday.errors import GigadayError
from gigaday.lab.chaos.client import Client
from gigaday.lab.chaos.samples import Sample
from gigaday.lab.chaos.traffic import API, Mix, Traffic
from gigaday.lab.laboratory import Lab

GREEDY = "greedy"
"""The kind of the greedy tenant's requests."""
GREEDY_LIMIT = 10.0
"""Requests a second that its plan admits."""
_AT_ONCE = 10
_MOST = 2_000
_LIMITED = 429


class NotSteady(GigadayError):
    """The deployment is not as it should be, so nothing can be learnt from breaking it."""


def addresses(lab: Lab) -> list[str]:
    """Of the balancers, as host:port."""
    return [url.removeprefix("http://") for url in lab.facts["balancers"]]


async def token(lab: Lab, plan: str) -> str:
    """Of a new tenant. Raises NotSteady."""
    operator, id = Client(addresses(lab), lab.facts["operator_token"]), f"chaos-{time.time_ns():x}"
    try:
        await _made(operator, "admin/tenants", {"id": id, "name": id, "plan": plan})
        return str((await _made(operator, f"admin/tenants/{id}/tokens", {"name": "chaos"}))["token"])
    finally:
        await operator.close()


async def _made(operator: Client, path: str, body: object) -> dict[str, object]:
    answer = await operator.request("POST", f"{API}/{path}", body)
    if answer.status != 201:
        why = answer.text or answer.body[:300].decode()
        raise NotSteady(f"{path} could not be made: {answer.status} {why}")
    return dict(answer.json())


async def usual(lab: Lab, mix: Mix, seed: int, patience: float) -> Traffic:
    """The clients of a run, who wait `patience` seconds for an answer, with what they read made."""
    traffic = Traffic(Client(addresses(lab), await token(lab, "standard"), timeout=patience), mix, seed)
    await traffic.prepare()
    return traffic


async def greedy(lab: Lab, seed: int) -> Traffic:
    """A tenant that has used up what its limit lets it save, and asks for three times what it gives."""
    client = Client(addresses(lab), await token(lab, "free"))
    mix = Mix(rate=3 * GREEDY_LIMIT, reads=1, lists=0, creates=0, changes=0, products=1, changed=1)
    traffic = Traffic(client, mix, seed)
    await traffic.prepare()
    path = f"{API}/products/{traffic.products[0]}"
    for _ in range(_MOST // _AT_ONCE):
        answers = await asyncio.gather(*(client.request("GET", path) for _ in range(_AT_ONCE)))
        if any(answer.status == _LIMITED for answer in answers):
            return traffic
    raise NotSteady("a tenant was never refused, whatever its limit")


def of_greedy(traffic: Traffic, began: float) -> list[Sample]:
    """What became of its requests, in seconds since `began`."""
    late = traffic.began - began
    return [replace(one, kind=GREEDY, due=one.due + late) for one in traffic.samples]
