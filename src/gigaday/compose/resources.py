"""What is served and kept: a new resource is declared in `api/` and named here."""

from collections.abc import Callable
from typing import Any

import msgspec

from gigaday.api import products
from gigaday.api.declaration import Resource
from gigaday.api.idempotency import IDEMPOTENCY
from gigaday.contracts import Collection, Document
from gigaday.errors import Fault, Invalid
from gigaday.model.media import MEDIA, REAPING, TRASH
from gigaday.model.storage import STORAGE
from gigaday.model.tenant import TENANTS
from gigaday.model.token import TOKENS
from gigaday.model.upload import UPLOADS
from gigaday.ops.audit import AUDIT
from gigaday.ops.limits import LIMITS
from gigaday.ops.modes import MODES
from gigaday.rules import validation

RESOURCES: tuple[Resource, ...] = (products.RESOURCE,)
"""The plain resources."""
_OWN = (MEDIA, TRASH, REAPING, UPLOADS, STORAGE, TENANTS, TOKENS, LIMITS, MODES, AUDIT, IDEMPOTENCY)
COLLECTIONS: tuple[Collection, ...] = (*(r.collection for r in RESOURCES), *_OWN)
UNCACHED = frozenset(kept.name for kept in (TRASH, REAPING, UPLOADS, STORAGE, LIMITS, MODES, AUDIT, IDEMPOTENCY))
"""Collections of which nothing is ever cached, so that no write to them has anything to invalidate."""


def product_validator() -> Callable[[dict[str, Any]], tuple[Document | None, list[Fault]]]:
    """Checks one product as POST does; returns its fields, or what is wrong with it."""
    return _checker(products.RESOURCE)


def _checker(declared: Resource) -> Callable[[dict[str, Any]], tuple[Document | None, list[Fault]]]:
    def check(raw: dict[str, Any]) -> tuple[Document | None, list[Fault]]:
        if faults := list(validation.unsafe(raw)):
            return None, faults
        try:
            return msgspec.to_builtins(validation.convert(raw, declared.create)), []
        except Invalid as error:
            return None, list(error.errors)

    return check
