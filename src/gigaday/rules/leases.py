"""How many tokens a worker may take before use, as arithmetic, and the bound that follows.

With B the quota, R = B / window, N workers and L the lease, any window of t seconds admits at most B + R*t + N*L:
the shared bucket gives out at most B + R*t, and no worker ever holds more than L of earlier.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from gigaday.contracts import Policy

SHARE_HELD = 20
"""All workers together hold at most the quota divided by this: 5 % of it."""
LEAST_LEASE = 16
"""A lease of fewer tokens saves too few round trips to be worth its inexactness."""


class Ask(NamedTuple):
    """What to lease: at least `least` tokens or none, and up to `most`."""

    least: int
    most: int


def largest(policy: Policy, workers: int) -> int:
    """L, the most tokens that one worker may hold; 0 where the limit is so small that it is kept exactly."""
    lease = policy.quota // (SHARE_HELD * workers)
    return lease if lease >= LEAST_LEASE else 0


def size(policy: Policy, workers: int, left: float) -> int:
    """The lease to hold while about `left` tokens are left, in the bucket and in hand.

    Half of what is left stays in the bucket though every worker took its lease, so that leases shrink towards
    exhaustion, and the last tokens are decided one by one.
    """
    lease = min(largest(policy, workers), int(left / (2 * workers)))
    return lease if lease >= LEAST_LEASE else 0


def ask(costs: Sequence[int], held: int, lease: int) -> Ask:
    """What requests of these costs need beyond the `held` tokens, so that `lease` are left in hand afterwards.

    Even the cheapest alone is worth a grant: it is handed out in order to those that it suffices for.
    """
    least = max(1, min(costs) - held)
    return Ask(least, max(least, sum(costs) - held + lease))


def share(policy: Policy, workers: int) -> Policy | None:
    """One worker's part of the limit while the shared bucket is out of reach; None where it would be no whole token.

    The parts never add up to more than the limit.
    """
    quota = policy.quota // workers
    return Policy(policy.name, quota, policy.window) if quota else None


def most_admitted(policy: Policy, workers: int, seconds: float, sources: int = 1) -> int:
    """The most tokens that any `seconds` can admit.

    `sources` counts the buckets that stood in for each other within them: the shared one, its backup, and the local
    shares (together one).
    """
    one = policy.quota + policy.quota / policy.window * seconds
    return math.floor(sources * one) + workers * largest(policy, workers)
