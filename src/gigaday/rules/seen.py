"""Which keys a long file has had already, and on which line, in 16 bytes a slot.

A dict of a million skus takes some 150 MB; this takes 32. Keys are kept as 64-bit digests in an open-addressing table
with linear probing (two of a million keys collide with a chance of 3 in 10^8).
"""

import hashlib
from array import array


class SeenKeys:
    """A growing set of keys with the line each was first seen on."""

    def __init__(self) -> None:
        self._count = 0
        self._allocate(1024)

    def first_line(self, key: str, line: int) -> int | None:
        """The earlier line of `key`; None where it is new, and then `line` is remembered."""
        digest = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little") or 1
        slot = self._slot(digest)
        if self._digests[slot]:
            return self._lines[slot]
        self._digests[slot], self._lines[slot] = digest, line
        self._count += 1
        if self._count * 3 > len(self._digests) * 2:
            self._grow()
        return None

    def _slot(self, digest: int) -> int:
        mask = len(self._digests) - 1
        slot = digest & mask
        while self._digests[slot] not in (0, digest):
            slot = (slot + 1) & mask
        return slot

    def _allocate(self, slots: int) -> None:
        self._digests = array("Q", bytes(8 * slots))
        self._lines = array("Q", bytes(8 * slots))

    def _grow(self) -> None:
        digests, lines = self._digests, self._lines
        self._allocate(len(digests) * 2)
        for digest, line in zip(digests, lines, strict=True):
            if digest:
                slot = self._slot(digest)
                self._digests[slot], self._lines[slot] = digest, line
