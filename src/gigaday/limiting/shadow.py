"""Limits on trial: evaluated beside the enforced ones, counted, never refusing."""

import asyncio
from collections.abc import Callable

from gigaday.contracts import Buckets, Decision, Policy

_MOST_KEYS = 1_000


class Shadowed:
    """`Buckets` that decide as `enforced` does. Of what that admits, counts what the policy on trial would not have.

    `trial` gives the policy on trial for a key and its policy, if there is one; its tokens lie in `trials`, beside the
    enforced ones. A trial never makes a request wait.
    """

    def __init__(self, enforced: Buckets, trials: Buckets, trial: Callable[[str, Policy], Policy | None]) -> None:
        self._enforced, self._trials, self._trial = enforced, trials, trial
        self._asked: set[asyncio.Task[None]] = set()
        self._refusing: set[str] = set()
        """Keys whose last trial refused: it took nothing, so that nothing is given back."""
        self.evaluated = 0
        self.would_refuse = 0
        self.by_key: dict[str, int] = {}
        """What would have been refused of each key: of the first thousand that have any."""

    def taker(self, key: str, policy: Policy) -> Callable[[str, Policy, int], Decision | None]:
        """`take_now` for as long as the limits stay what they are: that of `enforced` where nothing is on trial."""
        return self.take_now if self._trial(key, policy) else self._enforced.take_now

    def take_now(self, key: str, policy: Policy, cost: int) -> Decision | None:
        decision = self._enforced.take_now(key, policy, cost)
        if decision is not None and decision.allowed:
            self._evaluate(key, policy, cost)
        return decision

    async def take(self, key: str, policy: Policy, cost: int) -> Decision:
        decision = await self._enforced.take(key, policy, cost)
        if decision.allowed:
            self._evaluate(key, policy, cost)
        return decision

    def give_back(self, key: str, policy: Policy, cost: int) -> None:
        self._enforced.give_back(key, policy, cost)
        on_trial = self._trial(key, policy)
        if on_trial and key not in self._refusing:
            self._trials.give_back(_shadow(key), on_trial, min(cost, on_trial.quota))

    def drain(self) -> dict[str, int]:
        """What would have been refused of each key since the last call."""
        counted, self.by_key = self.by_key, {}
        return counted

    async def settled(self) -> None:
        """Returns when every trial so far is decided."""
        if self._asked:
            await asyncio.wait(self._asked)

    def _evaluate(self, key: str, policy: Policy, cost: int) -> None:
        on_trial = self._trial(key, policy)
        if on_trial is None:
            return
        cost = min(cost, on_trial.quota)
        decision = self._trials.take_now(_shadow(key), on_trial, cost)
        if decision is not None:
            self._count(key, decision)
            return
        task = asyncio.get_running_loop().create_task(self._ask(key, on_trial, cost))
        self._asked.add(task)
        task.add_done_callback(self._asked.discard)

    async def _ask(self, key: str, on_trial: Policy, cost: int) -> None:
        self._count(key, await self._trials.take(_shadow(key), on_trial, cost))

    def _count(self, key: str, decision: Decision) -> None:
        self.evaluated += 1
        if decision.allowed:
            self._refusing.discard(key)
            return
        self.would_refuse += 1
        if len(self._refusing) < _MOST_KEYS:
            self._refusing.add(key)
        if key in self.by_key or len(self.by_key) < _MOST_KEYS:
            self.by_key[key] = self.by_key.get(key, 0) + 1


def _shadow(key: str) -> str:
    """The trial's key, in the same slot as the enforced one's."""
    return f"{key}:shadow"
