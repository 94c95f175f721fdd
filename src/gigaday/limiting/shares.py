"""Each worker's part of a limit, for as long as no shared bucket can be reached."""

from collections import OrderedDict

from gigaday.contracts import Decision, Policy
from gigaday.rules import buckets

_MOST = 200_000


class LocalShares:
    """Buckets in the process, kept until they are full again: forgotten earlier, they would be full at once."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._levels: OrderedDict[str, tuple[buckets.Level, Policy]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def start(self, key: str, share: Policy, tokens: float, now: float) -> None:
        """Begins an outage with `tokens` at the most: an emptied limit does not come back full."""
        level = self._level(key, share, now)
        self._keep(key, share, buckets.Level(min(level.tokens, tokens), now))

    def take(self, key: str, share: Policy, cost: int, now: float) -> Decision:
        level, decision = buckets.take(self._level(key, share, now), share, cost, now)
        self._keep(key, share, level)
        return decision

    def forget_full(self, now: float) -> None:
        """Drops what has filled up, the least recently used first."""
        while self._levels:
            key, (level, share) = next(iter(self._levels.items()))
            if buckets.refilled(level, share, now).tokens < share.quota:
                return
            del self._levels[key]

    def _level(self, key: str, share: Policy, now: float) -> buckets.Level:
        known = self._levels.get(key)
        return buckets.refilled(known[0], share, now) if known else buckets.full(share, now)

    def _keep(self, key: str, share: Policy, level: buckets.Level) -> None:
        self._levels[key] = level, share
        self._levels.move_to_end(key)
        if len(self._levels) > self._most:
            self._levels.popitem(last=False)
