"""How limits are keyed and told: the bucket of a caller, and the headers of draft-ietf-httpapi-ratelimit-headers-11."""

import math
from functools import lru_cache

from gigaday.contracts import Charge, Decision, Policy

OPERATOR = "@operator"
"""Stands for the operator in keys; no tenant id can hold an "@"."""


def key_of(who: str, policy: Policy) -> str:
    """The bucket's key. The braces are a Redis hash tag: all that one decision touches lies in one slot."""
    return f"rate_limit:{{{who}:{policy.name}}}"


def at_cost(charge: Charge, cost: int) -> Charge:
    """The same at another cost. One over the whole quota would never be admitted, whatever Retry-After says."""
    return Charge(charge.key, charge.policy, min(cost, charge.policy.quota))


@lru_cache(maxsize=1_024)
def scaled(policy: Policy, factor: float) -> Policy:
    """With a quota of `factor` times as much, at least one token; the same object where that is all the same."""
    return policy if factor == 1.0 else Policy(policy.name, max(1, round(policy.quota * factor)), policy.window)


def quoted(name: str) -> str:
    """A policy's name as a structured field's string (RFC 9651)."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def policy_header(policy: Policy) -> bytes:
    """`RateLimit-Policy`: quota per window in seconds."""
    return f"{quoted(policy.name)};q={policy.quota};w={policy.window}".encode()


def ratelimit_header(name: str, decision: Decision) -> bytes:
    """`RateLimit` of a quoted policy name: tokens remaining, and seconds until the quota is whole again."""
    return f"{name};r={decision.remaining};t={decision.reset}".encode()


def wait(decision: Decision) -> int:
    """`Retry-After`, in whole seconds."""
    return max(1, math.ceil(decision.retry_after))


def refusal(seconds: int) -> str:
    """What a refused caller is told."""
    return f"Try again in {seconds} s"
