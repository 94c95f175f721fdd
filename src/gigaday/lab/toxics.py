"""What a fault does to the bytes of a connection, in toxiproxy's vocabulary. No I/O.

Times are milliseconds and rates kilobytes a second, as there. `lost_reply` and `spares` are additions.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import msgspec

from gigaday.errors import BadRequest

Stream = Literal["downstream", "upstream"]
DEFAULTS: dict[str, dict[str, Any]] = {
    "latency": {"latency": 0, "jitter": 0},
    "timeout": {"timeout": 0},
    "reset_peer": {"timeout": 0},
    "limit_data": {"bytes": 0},
    "bandwidth": {"rate": 0},
    "slow_close": {"delay": 0},
    "lost_reply": {"contains": [], "times": 1},
}
"""The types, and what their attributes are where nothing is said."""

MONGO_MEMBERS = ("NetworkInterfaceTL", "MongoDB Internal Client")
"""How members of a replica set introduce themselves to each other: spared, they keep their primary meanwhile."""


class Toxic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One fault of one direction. It hits the share `toxicity` of connections, and none whose first bytes hold one of
    the texts in `spares`."""

    type: str
    name: str = ""
    stream: Stream = "downstream"
    toxicity: float = 1.0
    attributes: dict[str, Any] = {}
    spares: tuple[str, ...] = ()


def checked(toxic: Toxic) -> Toxic:
    """With its name and every attribute filled in. Raises BadRequest."""
    known = DEFAULTS.get(toxic.type)
    if known is None:
        raise BadRequest(f"There is no toxic {toxic.type!r}; there are {', '.join(DEFAULTS)}.")
    for name, value in toxic.attributes.items():
        if name not in known:
            raise BadRequest(f"{toxic.type} has no attribute {name!r}; it has {', '.join(known)}.")
        _check_value(toxic.type, name, value, known[name])
    if not 0 <= toxic.toxicity <= 1:
        raise BadRequest("toxicity is a share from 0 to 1.")
    name = toxic.name or f"{toxic.type}_{toxic.stream}"
    return msgspec.structs.replace(toxic, name=name, attributes={**known, **toxic.attributes})


def _check_value(type_: str, name: str, value: object, default: object) -> None:
    if isinstance(default, list):
        if not (isinstance(value, list) and all(isinstance(text, str) for text in value)):
            raise BadRequest(f"{name} of {type_} is a list of texts.")
    elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise BadRequest(f"{name} of {type_} is a number from 0 up.")


@dataclass
class Budget:
    """How often a toxic may still act, over all connections."""

    left: float


@dataclass
class Dose:
    """What one toxic has done to one connection."""

    budget: Budget
    passed: int = 0
    asked: bool = False


@dataclass
class Verdict:
    """What becomes of some bytes: `data` arrives after `delay` seconds and takes `busy` seconds of its lane; then
    the connection may end."""

    data: bytes
    delay: float = 0.0
    busy: float = 0.0
    ending: Literal["", "close", "reset"] = ""


Effect = Callable[[Mapping[str, Any], Verdict, Dose, Random], None]


def _latency(attributes: Mapping[str, Any], verdict: Verdict, dose: Dose, random: Random) -> None:
    jitter = attributes["jitter"]
    verdict.delay += max(0.0, attributes["latency"] + random.uniform(-jitter, jitter)) / 1_000


def _bandwidth(attributes: Mapping[str, Any], verdict: Verdict, dose: Dose, random: Random) -> None:
    if attributes["rate"]:
        verdict.busy += len(verdict.data) / (attributes["rate"] * 1_000)


def _nothing_passes(attributes: Mapping[str, Any], verdict: Verdict, dose: Dose, random: Random) -> None:
    verdict.data = b""


def _limit_data(attributes: Mapping[str, Any], verdict: Verdict, dose: Dose, random: Random) -> None:
    left = max(0, int(attributes["bytes"]) - dose.passed)
    if len(verdict.data) >= left:
        verdict.data, verdict.ending = verdict.data[:left], "close"
    dose.passed += len(verdict.data)


def _lost_reply(attributes: Mapping[str, Any], verdict: Verdict, dose: Dose, random: Random) -> None:
    if dose.asked and dose.budget.left > 0:
        dose.budget.left -= 1
        verdict.data, verdict.ending = b"", "reset"
    dose.asked = False


EFFECTS: dict[str, Effect] = {
    "latency": _latency,
    "bandwidth": _bandwidth,
    "timeout": _nothing_passes,
    "reset_peer": _nothing_passes,
    "limit_data": _limit_data,
    "lost_reply": _lost_reply,
}


@dataclass
class Infection:
    """A toxic on one connection."""

    toxic: Toxic
    dose: Dose

    def hit(self, verdict: Verdict, random: Random) -> None:
        """Changes the verdict over some bytes of the toxic's own direction."""
        if effect := EFFECTS.get(self.toxic.type):
            effect(self.toxic.attributes, verdict, self.dose, random)

    def overhear(self, data: bytes) -> None:
        """Watches a request on its way to the server."""
        if self.toxic.type == "lost_reply":
            self.dose.asked |= all(text.encode() in data for text in self.toxic.attributes["contains"])

    @property
    def ending(self) -> tuple[float, Literal["close", "reset"]] | None:
        """In how many seconds after it took hold the connection ends by it, and how."""
        timeout = self.toxic.attributes.get("timeout", 0) / 1_000
        if self.toxic.type == "reset_peer":
            return timeout, "reset"
        return (timeout, "close") if self.toxic.type == "timeout" and timeout else None

    @property
    def close_delay(self) -> float:
        """Seconds by which it holds up a close."""
        return float(self.toxic.attributes.get("delay", 0)) / 1_000
