"""Whether this process and what it depends on work: probes in the background, never per call.

A status changes only on repeated evidence, so that one lost packet alarms nobody (hysteresis). A dead dependency that
all nodes share makes `/api/health` unhealthy, but never makes a node unready: that would empty the load balancer.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, Protocol

import msgspec

from gigaday.contracts import Clock
from gigaday.errors import BackendError
from gigaday.model.mode import Mode
from gigaday.rules import times

Status = Literal["unknown", "up", "degraded", "down"]
RANK: dict[Status, int] = {"unknown": -1, "up": 0, "degraded": 1, "down": 2}
WORSE_AFTER = 2
BETTER_AFTER = 2
_HIDDEN = re.compile(
    r"\S*(?:://|@)\S*"  # a URI or credentials
    r"|\b(?:password|pwd|secret|token|key)\S*\s*[=:]\s*\S+"
    r"|\('[^']*', \d+\)|[\w.-]+:\d{2,5}\b|\b\d{1,3}(?:\.\d{1,3}){3}\b",  # a host, as drivers write it
    re.IGNORECASE,
)


class Breaker(Protocol):
    """What keeps requests from a component that fails."""

    @property
    def state(self) -> str: ...


class InForce(Protocol):
    """The modes in force, as `ops.modes` has them."""

    def of(self, tenant: str) -> Mode: ...

    def causes(self) -> list[str]: ...


class Probe(msgspec.Struct, frozen=True):
    """`check` raises where the component fails. Slower than `threshold` seconds it is degraded, than `timeout` down.
    `breakers` stand between it and requests."""

    check: Callable[[], Awaitable[None]]
    threshold: float = 0.5
    timeout: float = 2.0
    breakers: Mapping[str, Breaker] = {}


class Component(msgspec.Struct, omit_defaults=True):
    """What is known of a component; `since` is when the status last changed."""

    status: Status
    since: str
    threshold_ms: float = msgspec.field(name="thresholdMs")
    latency_ms: float | None = msgspec.field(name="latencyMs", default=None)
    error: str | None = None
    breakers: dict[str, str] = {}
    """Each one's state: closed, open or half_open."""


class _Streak(msgspec.Struct):
    worse: int = 0
    better: int = 0


class Health:
    """Probes every component each `interval` seconds, each in a task of its own, so that none delays another."""

    def __init__(
        self,
        components: Mapping[str, Probe],
        clock: Clock,
        interval: float = 2.0,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        modes: InForce | None = None,
    ) -> None:
        self._probes = dict(components)
        self._clock = clock
        self._interval = interval
        self._sleep = sleep
        self._modes = modes
        self._known = {
            name: Component("unknown", times.text(clock.now()), probe.threshold * 1000)
            for name, probe in self._probes.items()
        }
        self._streaks = {name: _Streak() for name in self._probes}
        self._tasks: list[asyncio.Task[None]] = []
        self._started = False
        self._draining = False

    @property
    def draining(self) -> bool:
        """Whether this node asks for no more requests."""
        return self._draining

    @property
    def ready(self) -> bool:
        """Whether a balancer should send requests here."""
        return self._started and not self._draining

    def drain(self) -> None:
        """Asks balancers to send no more; there is no way back."""
        self._draining = True

    async def start(self) -> None:
        """Probes everything once (within the longest timeout), then goes on in the background."""
        await asyncio.gather(*(self.check(name) for name in self._probes))
        self._tasks = [asyncio.create_task(self._watch(name), name=f"probe-{name}") for name in self._probes]
        self._started = True

    async def stop(self) -> None:
        """Ends the background probes."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def check(self, name: str) -> None:
        """Probes one component now and takes the result into account."""
        probe = self._probes[name]
        begun = self._clock.monotonic()
        error = await _attempt(probe)
        latency = self._clock.monotonic() - begun
        verdict: Status = "down" if error else "degraded" if latency > probe.threshold else "up"
        self._record(name, verdict, round(latency * 1000, 3), error)

    def snapshot(self) -> dict[str, Component]:
        """Every component as last known."""
        return {
            name: msgspec.structs.replace(
                known, breakers={of: b.state for of, b in self._probes[name].breakers.items()}
            )
            for name, known in self._known.items()
        }

    def mode(self) -> tuple[str, list[str]]:
        """The mode in force for all, and why."""
        return (self._modes.of("").level, self._modes.causes()) if self._modes is not None else ("normal", [])

    def fault(self) -> str | None:
        """What is down, as `name: error`, or None where nothing is."""
        down = [f"{name}: {known.error or 'down'}" for name, known in self._known.items() if known.status == "down"]
        return "; ".join(down) or None

    async def _watch(self, name: str) -> None:
        while True:
            await self._sleep(self._interval)
            await self.check(name)

    def _record(self, name: str, verdict: Status, latency: float, error: str | None) -> None:
        known = self._known[name]
        known.latency_ms = latency
        known.error = error
        if _turns(self._streaks[name], known.status, verdict):
            known.status = verdict
            known.since = times.text(self._clock.now())


def _turns(streak: _Streak, status: Status, verdict: Status) -> bool:
    """Whether `verdict` is the last of enough in a row to replace `status`. The first verdict of all always is."""
    if status == "unknown":
        return True
    streak.worse = streak.worse + 1 if RANK[verdict] > RANK[status] else 0
    streak.better = streak.better + 1 if RANK[verdict] < RANK[status] else 0
    if streak.worse < WORSE_AFTER and streak.better < BETTER_AFTER:
        return False
    streak.worse = streak.better = 0
    return True


async def _attempt(probe: Probe) -> str | None:
    """Runs the check; says what failed in words that are safe to publish."""
    try:
        async with asyncio.timeout(probe.timeout):
            await probe.check()
    except TimeoutError:
        return f"did not answer within {probe.timeout:g} s"
    except BackendError as error:
        return safe(str(error))
    except Exception as error:  # noqa: BLE001 - a probe outlives whatever a check raises, and tells its class alone
        return f"failed with {type(error).__name__}"
    return None


def safe(text: str) -> str:
    """`text` without addresses and secrets, on one line of at most 200 characters."""
    return " ".join(_HIDDEN.sub("[hidden]", text).split())[:200] or "failed"
