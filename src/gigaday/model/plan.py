"""Plans: what a tenant may use. Limits follow the plan of the token's tenant."""

import msgspec

from gigaday.contracts import Policy


class Plan(msgspec.Struct, frozen=True):
    """`policy` is the tenant's token bucket; `media_bytes` caps one upload, in bytes; `at_once` is how many requests of
    the tenant one node works on at a time."""

    name: str
    policy: Policy
    media_bytes: int
    at_once: int


PLANS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan("free", Policy("free", quota=600, window=60), media_bytes=32 << 20, at_once=20),
        Plan("standard", Policy("standard", quota=60_000, window=60), media_bytes=2 << 30, at_once=200),
        Plan("unlimited", Policy("unlimited", quota=1_000_000_000, window=60), media_bytes=5 << 30, at_once=500),
    )
}
