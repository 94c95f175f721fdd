"""SHA-256 of uploads as far as they have come, where this process saw them from their first byte."""

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

_MOST = 2_000


class Digests:
    """Of the `most` uploads last gone on with: a digest that is not known costs reading the bytes again."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._known: OrderedDict[str, tuple[int, _Hash]] = OrderedDict()

    def at(self, id: str, offset: int) -> "_Hash | None":
        """One of the first `offset` bytes, to be gone on with; None where it is not known."""
        if offset == 0:
            return hashlib.sha256()
        known = self._known.get(id)
        return known[1].copy() if known and known[0] == offset else None

    def keep(self, id: str, offset: int, digest: "_Hash | None") -> None:
        """Remembers how far it has come."""
        self.forget(id)
        if digest is not None:
            self._known[id] = offset, digest
            while len(self._known) > self._most:
                self._known.popitem(last=False)

    def forget(self, id: str) -> None:
        """Nobody will go on with it."""
        self._known.pop(id, None)
