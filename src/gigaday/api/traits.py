"""What limits and shedding ask about a (method, path), from the operations' declarations."""

from typing import Literal

from gigaday.api.declaration import BASE, PUBLISHED
from gigaday.api.router import Router
from gigaday.model.caching import CacheRule
from gigaday.rules import links
from gigaday.rules.ids import is_id


class Traits:
    """`body_limit` is the cap of a body in bytes, where an operation declares none."""

    def __init__(self, router: Router, body_limit: int) -> None:
        self._router, self._body_limit = router, body_limit

    def body_cap(self, method: str, path: str) -> int:
        """In bytes."""
        operation = self._router.operation(method, path)
        return (operation.body_cap if operation else 0) or self._body_limit

    def cost(self, method: str, path: str) -> int:
        """In tokens of the caller's bucket."""
        operation = self._router.operation(method, path)
        return operation.cost if operation else 1

    def streams(self, method: str, path: str) -> bool:
        """Whether body or answer may last as long as they like."""
        operation = self._router.operation(method, path)
        return operation is not None and operation.streams

    def priority(self, method: str, path: str) -> Literal["health", "write", "read", "list"]:
        """What is given up later rather than sooner: health, then writes, reads, lists and exports."""
        if self.public(path):
            return "health"
        if method not in ("GET", "HEAD", "OPTIONS"):
            return "write"
        operation = self._router.operation(method, path)
        return "list" if operation is not None and operation.cost > 1 else "read"

    def rule_for(self, method: str, path: str) -> CacheRule | None:
        """How the answer may be cached, if at all."""
        if method not in ("GET", "HEAD"):
            return None
        methods, params = self._router.resolve(path)
        operation = (methods or {}).get("GET")
        if operation is None or operation.cached is None:
            return None
        id = params.get("id", "")
        if "id" in params and not is_id(id):
            return None  # what can never exist is not worth remembering
        cached, tenant = operation.cached, params.get("tenant", "")
        return CacheRule(cached.collection, id, operation.scope, cached.seconds, operation.cost, tenant)

    def opens(self, method: str, path: str) -> bool:
        """Whether the limit opens while no shared bucket can be asked."""
        operation = self._router.operation(method, path)
        return operation is not None and operation.opens

    def public(self, path: str) -> bool:
        """Whether neither token nor limit is asked for: health, documentation, and paths that do not exist."""
        return not path.startswith((f"{BASE}/", f"{links.BASE}/"))

    def delivered(self, path: str) -> bool:
        """Whether it is what anyone may fetch, within a limit for each address: a token has no meaning there."""
        return path.startswith((f"{PUBLISHED}/", f"{links.BASE}/"))
