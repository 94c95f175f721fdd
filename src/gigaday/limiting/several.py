"""Several limits on one request: all admit it, or none is charged."""

from collections.abc import Sequence

from gigaday.contracts import Buckets, Charge, Charged


class Several:
    """Takes in the order given, and stops at the first refusal. Put first what refuses most cheaply."""

    def __init__(self, buckets: Buckets) -> None:
        self._buckets = buckets

    def take_now(self, limits: Sequence[Charge]) -> Charged | None:
        """The outcome where it needs no waiting, else None, with nothing taken: then ask `take`."""
        outcomes: list[Charged] = []
        for limit in limits:
            decision = self._buckets.take_now(*limit)
            if decision is None:
                self._undo(limits[: len(outcomes)])
                return None
            outcomes.append(Charged(limit.policy, decision))
            if not decision.allowed:
                return self._refused(limits, outcomes)
        return min(outcomes, key=_left)

    async def take(self, limits: Sequence[Charge]) -> Charged:
        outcomes: list[Charged] = []
        charged = False
        try:
            for limit in limits:
                outcomes.append(Charged(limit.policy, await self._buckets.take(*limit)))
                if not outcomes[-1].decision.allowed:
                    break
            else:
                charged = True
                return min(outcomes, key=_left)
        finally:
            if not charged:  # refused, or the request was abandoned while it waited
                self._undo(limits[: sum(outcome.decision.allowed for outcome in outcomes)])
        return outcomes[-1]

    def _refused(self, limits: Sequence[Charge], outcomes: list[Charged]) -> Charged:
        self._undo(limits[: len(outcomes) - 1])
        return outcomes[-1]

    def _undo(self, limits: Sequence[Charge]) -> None:
        for limit in limits:
            self._buckets.give_back(*limit)


def _left(outcome: Charged) -> float:
    return outcome.decision.remaining / outcome.policy.quota
