"""Plans: what a tenant may use. Limits follow the plan of the token's tenant."""

import msgspec

from gigaday.contracts import Policy


class Plan(msgspec.Struct, frozen=True):
    """`policy` is the tenant's token bucket; `media_bytes` caps one upload, and `storage_bytes` all media together (0:
    no cap), in bytes; `at_once` is how many requests of the tenant one node works on at a time."""

    name: str
    policy: Policy
    media_bytes: int
    at_once: int
    storage_bytes: int = 0


PLANS: dict[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan("free", Policy("free", quota=600, window=60), 32 << 20, at_once=20, storage_bytes=1 << 30),
        Plan("standard", Policy("standard", quota=60_000, window=60), 2 << 30, at_once=200, storage_bytes=1 << 40),
        Plan("unlimited", Policy("unlimited", quota=1_000_000_000, window=60), 5 << 30, at_once=500),
    )
}
