"""What the doctor looks for in Redis: whether it can lose a member, and what it does where memory is short."""

from collections.abc import Callable, Sequence
from typing import Protocol

from gigaday.errors import BackendError
from gigaday.ops.doctor import MOST_SKEW, Finding

LEAST_VERSION = 7
SLOTS = 16_384
POLICY, MEMORY, COVERAGE = "maxmemory-policy", "maxmemory", "cluster-require-full-coverage"


class Member(Protocol):
    """One member of the cluster, as `backends.redis_admin` has it."""

    @property
    def address(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def clustered(self) -> bool: ...
    @property
    def state(self) -> str: ...
    @property
    def slots(self) -> int: ...
    @property
    def of(self) -> str: ...
    @property
    def linked(self) -> bool: ...
    @property
    def clock(self) -> float: ...
    @property
    def settings(self) -> dict[str, str]: ...


class Redis(Protocol):
    """What a cluster tells of itself."""

    async def members(self) -> tuple[Sequence[Member], dict[str, str]]:
        """Those that answer, and why the others do not. Raises BackendDown where none does."""


async def check_redis(redis: Redis, name: str, now: Callable[[], float], *, spare: bool = False) -> list[Finding]:
    """`name` is the cluster's in what is found. One that is `spare` stands in for another and may be a lone Redis."""
    try:
        members, silent = await redis.members()
    except BackendError as error:
        mend = f"See that {name} runs, and that its addresses and REDIS_PASSWORD in the settings are right."
        return [Finding(name, False, str(error), mend)]
    findings = [_reachable(members, silent), _version(members), _slots(members), _settings(members),
                _memory(members), _clocks(members, now())]  # fmt: skip
    if not spare:
        findings.append(_replicas(members))
    return [Finding(f"{name} {one.check}".strip(), one.ok, one.detail, one.mend) for one in findings]


def _reachable(members: Sequence[Member], silent: dict[str, str]) -> Finding:
    if silent:
        return Finding("", False, f"{len(silent)} of {len(silent) + len(members)} members do not answer: "
                       f"{_named([f'{where} ({why})' for where, why in silent.items()])}",
                       "Start them, or take them out of the cluster and the settings.")  # fmt: skip
    return Finding("", True, f"{len(members)} members answer")


def _version(members: Sequence[Member]) -> Finding:
    versions = sorted({member.version for member in members})
    old = [member.address for member in members if int(member.version.partition(".")[0]) < LEAST_VERSION]
    if old:
        return Finding(
            "version", False, f"older than {LEAST_VERSION}.0: {_named(old)}", "Update to Redis 7.0 or later."
        )
    return Finding("version", True, ", ".join(versions))


def _slots(members: Sequence[Member]) -> Finding:
    failed = [member.address for member in members if member.state != "ok"]
    served = sum(member.slots for member in members)
    if failed or served < SLOTS:
        return Finding("slots", False, f"{SLOTS - served} of {SLOTS} slots have no member that answers; {len(failed)} "
                       "members say that their cluster is not ok",
                       "redis-cli --cluster check, then --cluster fix")  # fmt: skip
    return Finding("slots", True, f"all {SLOTS} are served")


def _settings(members: Sequence[Member]) -> Finding:
    if not all(member.settings for member in members):
        return Finding("settings", True, f"not told (CONFIG is refused): they should be {COVERAGE} no and "
                       f"{POLICY} volatile-ttl")  # fmt: skip
    if wrong := [m.address for m in members if m.clustered and m.settings.get(COVERAGE) != "no"]:
        return Finding("settings", False, f"the loss of one primary would stop all the others: {_named(wrong)}",
                       f"CONFIG SET {COVERAGE} no, on each member and in its redis.conf")  # fmt: skip
    if wrong := [m.address for m in members if m.settings.get(POLICY) != "volatile-ttl"]:
        return Finding("settings", False, f"short of memory it would refuse writes, or evict what keeps old values "
                       f"from coming back: {_named(wrong)}",
                       f"CONFIG SET {POLICY} volatile-ttl, on each member and in its redis.conf")  # fmt: skip
    if wrong := [m.address for m in members if m.settings.get("save") and m.settings.get("appendonly") != "yes"]:
        return Finding("settings", False, f"started again it would bring back a snapshot, and with it old values: "
                       f"{_named(wrong)}", 'CONFIG SET save "", on each member and in its redis.conf')  # fmt: skip
    return Finding("settings", True, f"{COVERAGE} no, {POLICY} volatile-ttl, no snapshots")


def _memory(members: Sequence[Member]) -> Finding:
    known = [member for member in members if member.settings]
    unbounded = [member.address for member in known if member.settings.get(MEMORY) == "0"]
    if unbounded:
        return Finding("memory", False, f"without a bound it takes all that its machine has: {_named(unbounded)}",
                       "CONFIG SET maxmemory, to at most two thirds of the machine's, and in redis.conf")  # fmt: skip
    least = min((int(member.settings.get(MEMORY, 0)) for member in known), default=0)
    return Finding("memory", True, f"at least {least >> 20} MiB a member" if least else "not told")


def _clocks(members: Sequence[Member], now: float) -> Finding:
    skew = max((member.clock - now for member in members), key=abs, default=0.0)
    ok = abs(skew) <= MOST_SKEW
    mend = "" if ok else "Run a time service (chrony, systemd-timesyncd) on every machine: limits refill by that clock."
    return Finding("clocks", ok, f"at most {skew:+.3f} s from this machine's", mend)


def _replicas(members: Sequence[Member]) -> Finding:
    followed = {member.of for member in members if member.of and member.linked}
    primaries = [member.address for member in members if member.slots]
    alone = [address for address in primaries if address not in followed]
    if alone:
        return Finding("replicas", False, f"nothing takes over from {_named(alone)}: limits are kept locally and "
                       "nothing is shared while it is away",
                       "redis-cli --cluster add-node ... --cluster-slave, or start the replica")  # fmt: skip
    return Finding("replicas", True, f"each of {len(primaries)} primaries has one that follows")


def _named(told: Sequence[str]) -> str:
    """At most three."""
    return ", ".join(told[:3]) + (f" and {len(told) - 3} more" if len(told) > 3 else "")
