"""Tags whose invalidation the shared cache has not confirmed: no shared value under them may be believed."""

from collections.abc import Iterable, Sequence

from gigaday.rules import tags as tag_names

MOST = 500
"""More tags than this are told as their owners, and more owners than this as everything."""


class Owed:
    """Tags waiting, and those being tried, which stay owed until the attempt has succeeded."""

    def __init__(self) -> None:
        self._waiting: dict[str, None] = {}
        self._trying: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self._waiting or self._trying)

    def add(self, tags: Iterable[str]) -> None:
        self._waiting.update(dict.fromkeys(tags))
        if len(self._waiting) > MOST:
            self._waiting = dict.fromkeys(fewer(tuple(self._waiting)))

    def touches(self, tags: Iterable[str]) -> bool:
        """Whether a value under `tags` may be outdated in the shared cache."""
        return any(tag in self._waiting or tag in self._trying for tag in tags)

    def attempt(self) -> tuple[str, ...]:
        """All that is owed, to be tried now; tell `failed` or `succeeded`."""
        self._trying, self._waiting = (*self._trying, *self._waiting), {}
        return self._trying

    def failed(self) -> None:
        trying, self._trying = self._trying, ()
        self.add(trying)

    def succeeded(self) -> None:
        self._trying = ()

    def all(self) -> tuple[str, ...]:
        return (*self._trying, *self._waiting)


def fewer(tags: Sequence[str]) -> tuple[str, ...]:
    """`tags`, told more broadly where they are many."""
    if len(tags) <= MOST:
        return tuple(tags)
    owners = tuple(dict.fromkeys(map(tag_names.owner_of, tags)))
    return owners if len(owners) <= MOST else (tag_names.ALL,)
