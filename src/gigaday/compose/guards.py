"""The guards in front of what may be down: how soon each gives up, and who tries again.

Retries are made in one place each: reads by the guard, within its budget; writes by the database's driver alone, which
knows by a number in each write whether it was applied; and what the object store's client has begun by that client.
"""

from collections.abc import Callable

from gigaday.contracts import Clock, DocumentStore, GrowingStore, SharedCache
from gigaday.resilience.breaker import Breaker
from gigaday.resilience.guard import Guard
from gigaday.resilience.guarded_cache import GuardedCache
from gigaday.resilience.guarded_objects import GuardedObjects
from gigaday.resilience.guarded_store import GuardedStore
from gigaday.resilience.retry_budget import RetryBudget


def guarded_store(store: DocumentStore, clock: Clock, writable: Callable[[], bool]) -> GuardedStore:
    """With a guard for reads and one for writes."""
    reads = Guard("database reads", Breaker(clock), clock, budget=RetryBudget())
    return GuardedStore(store, reads, Guard("database writes", Breaker(clock), clock), writable)


def guarded_objects(store: GrowingStore, clock: Clock) -> GuardedObjects:
    """With one guard."""
    return GuardedObjects(store, Guard("storage", Breaker(clock), clock))


def guarded_cache(cache: SharedCache, clock: Clock, name: str) -> GuardedCache:
    """With one guard."""
    return GuardedCache(cache, Guard(name, Breaker(clock), clock))
