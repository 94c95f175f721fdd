"""What the rest of Gigaday asks of a technology, and what each operation guarantees.

Every contract has one test suite in `tests/contracts` that runs over every back end.
"""

from gigaday.contracts.buckets import Buckets, Charge, Charged, Decision, Grant, Policy, SharedBuckets
from gigaday.contracts.cache import Bus, SharedCache, Stamped
from gigaday.contracts.clock import Clock
from gigaday.contracts.documents import (
    ID_PATTERN,
    OPERATOR,
    BulkStore,
    Collection,
    Delete,
    Document,
    DocumentStore,
    Filter,
    Index,
    Insert,
    Operator,
    Outcome,
    Query,
    Replace,
    Write,
)
from gigaday.contracts.imaging import Described, Focus, Images, ImageSpec, Variant
from gigaday.contracts.objects import (
    Cdn,
    Delivery,
    GrowingStore,
    Growth,
    LocalFiles,
    ObjectStore,
    Part,
    Presigner,
    SignedRequest,
    StoredObject,
)

__all__ = [
    "ID_PATTERN",
    "OPERATOR",
    "Buckets",
    "BulkStore",
    "Bus",
    "Cdn",
    "Charge",
    "Charged",
    "Clock",
    "Collection",
    "Decision",
    "Delete",
    "Delivery",
    "Described",
    "Document",
    "DocumentStore",
    "Filter",
    "Focus",
    "Grant",
    "GrowingStore",
    "Growth",
    "ImageSpec",
    "Images",
    "Index",
    "Insert",
    "LocalFiles",
    "ObjectStore",
    "Operator",
    "Outcome",
    "Part",
    "Policy",
    "Presigner",
    "Query",
    "Replace",
    "SharedBuckets",
    "SharedCache",
    "SignedRequest",
    "Stamped",
    "StoredObject",
    "Variant",
    "Write",
]
