"""What clients were promised, and what the deployment holds in the end: nothing acknowledged is lost, nothing is there
twice.

Every creation carries a sku of its own, and every change of a product raises its version by one; so each promise can be
counted in the end.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """`created` maps acknowledged skus to the id that was answered; `tried` are all skus that were ever sent. Changes
    are counted by product: those acknowledged, and those of which nobody knows whether they were made."""

    tried: set[str] = field(default_factory=set)
    created: dict[str, str] = field(default_factory=dict)
    contradictions: list[str] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    changed: Counter[str] = field(default_factory=Counter)
    unsure: Counter[str] = field(default_factory=Counter)

    def acknowledged(self, sku: str, id: str) -> None:
        """A creation was answered, at first or on a retry: always with the same id."""
        known = self.created.setdefault(sku, id)
        if known != id:
            self.contradictions.append(f"{sku} was answered as {known}, then as {id}")

    def read(self, id: str, version: int, due: int) -> None:
        """A product was read by who had just made version `due` of it."""
        if version < due:
            self.stale.append(f"{id} was read in version {version} after {due} was acknowledged")

    def judge(self, held: Iterable[Mapping[str, Any]]) -> "Verdict":
        """Compares it with all the products that are `held` in the end."""
        by_sku: dict[str, list[str]] = {}
        versions: dict[str, int] = {}
        for product in held:
            by_sku.setdefault(product.get("sku") or "", []).append(product["_id"])
            versions[product["_id"]] = product["version"]
        lost = [f"{sku} ({id})" for sku, id in self.created.items() if id not in by_sku.get(sku, ())]
        doubled = [f"{sku}: {', '.join(ids)}" for sku, ids in by_sku.items() if sku in self.tried and len(ids) > 1]
        for id, version in versions.items():
            made = version - 1
            if made < self.changed[id]:
                lost.append(f"a change of {id}: {self.changed[id]} were acknowledged, {made} are there")
            if made > self.changed[id] + self.unsure[id]:
                doubled.append(f"a change of {id}: {self.changed[id]} were acknowledged, {made} are there")
        promised = len(self.created) + sum(self.changed.values())
        return Verdict(lost, doubled + self.contradictions, self.stale, promised)


@dataclass(frozen=True)
class Verdict:
    """What was lost, what was applied twice, which reads did not show the tenant's own write, and how many writes were
    promised."""

    lost: list[str]
    doubled: list[str]
    stale: list[str]
    acknowledged: int
