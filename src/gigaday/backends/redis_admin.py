"""What an operator's look at a Redis Cluster takes: what each member says of itself."""

import asyncio
from collections.abc import Sequence

import msgspec

from gigaday.backends.redis_lane import Access, Address, Lane, ReplyError, Word
from gigaday.backends.redis_slots import View, alone, newest, parse
from gigaday.errors import BackendDown

SETTINGS = ("maxmemory", "maxmemory-policy", "cluster-require-full-coverage", "save", "appendonly")
_ANSWER_SECONDS = 2.0


class Member(msgspec.Struct, frozen=True):
    """One member. `of` names its primary where it is a replica, `linked` says whether it follows it; `slots` that it
    serves itself; `clock` in epoch seconds; `settings` (of `SETTINGS`) are empty where it does not tell them."""

    address: str
    version: str
    clustered: bool
    state: str
    slots: int
    of: str
    linked: bool
    used_bytes: int
    clock: float
    settings: dict[str, str]


class RedisAdmin:
    """Looks at the cluster that `seeds` belong to, by connections of its own."""

    def __init__(self, seeds: Sequence[Address], access: Access | None = None) -> None:
        self._seeds, self._access = tuple(seeds), access or Access()

    async def members(self) -> tuple[list[Member], dict[str, str]]:
        """Every member that answers, and why the others do not, by address. Raises BackendDown where none does."""
        lanes: dict[Address, Lane] = {}
        try:
            view, silent = await self._view(lanes)
            asked = sorted(view.members)
            found = await asyncio.gather(
                *(self._member(self._lane(address, lanes), view) for address in asked), return_exceptions=True
            )
        finally:
            for lane in lanes.values():
                lane.close()
        members = [member for member in found if isinstance(member, Member)]
        silent |= {_text(address): _reason(error, address) for address, error in zip(asked, found, strict=True)
                   if isinstance(error, BaseException)}  # fmt: skip
        return members, silent

    async def _view(self, lanes: dict[Address, Lane]) -> tuple[View, dict[str, str]]:
        views = await asyncio.gather(
            *(self._view_of(self._lane(seed, lanes)) for seed in self._seeds), return_exceptions=True
        )
        silent = {_text(seed): _reason(view, seed) for seed, view in zip(self._seeds, views, strict=True)
                  if isinstance(view, BaseException)}  # fmt: skip
        known = newest(view for view in views if isinstance(view, View))
        if known is None:
            raise BackendDown("; ".join(f"{where}: {why}" for where, why in silent.items()))
        return known, silent

    async def _view_of(self, lane: Lane) -> View:
        try:
            return parse(await _ask(lane, "CLUSTER", "NODES"), lane.address)
        except ReplyError as error:
            if "cluster support disabled" in str(error):
                return alone(lane.address)
            raise

    async def _member(self, lane: Lane, view: View) -> Member:
        told = _fields(await _ask(lane, "INFO"))
        clustered = told.get("cluster_enabled") == "1"
        cluster = _fields(await _ask(lane, "CLUSTER", "INFO")) if clustered else {}
        seconds, microseconds = await lane.ask(("TIME",), _deadline())
        primary = told.get("role") != "slave"
        return Member(
            address=_text(lane.address),
            version=told.get("redis_version", "0"),
            clustered=clustered,
            state=cluster.get("cluster_state", "ok"),
            slots=sum(last - first + 1 for first, last, owner in view.ranges if owner == lane.address),
            of="" if primary else f"{told.get('master_host')}:{told.get('master_port')}",
            linked=primary or told.get("master_link_status") == "up",
            used_bytes=int(told.get("used_memory", 0)),
            clock=int(seconds) + int(microseconds) / 1e6,
            settings=await self._settings(lane),
        )

    async def _settings(self, lane: Lane) -> dict[str, str]:
        """Many that are hosted refuse CONFIG."""
        try:
            told = [await lane.ask(("CONFIG", "GET", name), _deadline()) for name in SETTINGS]
        except ReplyError:
            return {}
        return {found[0].decode(): found[1].decode() for found in told if found}

    def _lane(self, address: Address, lanes: dict[Address, Lane]) -> Lane:
        if address not in lanes:
            lanes[address] = Lane(address, self._access, lambda lane: None)
        return lanes[address]


async def _ask(lane: Lane, *words: Word) -> str:
    answer = await lane.ask(words, _deadline())
    return str(answer.decode())


def _deadline() -> float:
    return asyncio.get_running_loop().time() + _ANSWER_SECONDS


def _fields(text: str) -> dict[str, str]:
    """`name:value` lines, as INFO and CLUSTER INFO have them."""
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value for name, colon, value in pairs if colon}


def _text(address: Address) -> str:
    return f"{address[0]}:{address[1]}"


def _reason(error: object, address: Address) -> str:
    return str(error).removeprefix("redis: ").removeprefix(_text(address)).strip() or type(error).__name__
