"""What an operation declares of its answers, so that they can be cached."""

import msgspec


class CacheRule(msgspec.Struct, frozen=True):
    """Answers depend on one item of `collection`, or (`id` empty) on any of it, and are for callers with `scope`.

    `seconds` is how long they live, `cost` what a request takes from the caller's bucket. `tenant` is set where they
    are that tenant's, for anyone.
    """

    collection: str
    id: str
    scope: str
    seconds: float
    cost: int
    tenant: str = ""
