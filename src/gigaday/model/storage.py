"""How many bytes each tenant's media take: one document a tenant, changed only where its version has not."""

from gigaday.contracts import Collection

STORAGE = Collection("storage")
"""One document a tenant, of the tenant's own id, as a collection of MongoDB takes no two of the same: `used` are the
bytes stored or reserved for uploads under way."""
