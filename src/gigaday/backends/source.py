"""A caller's chunks, whose error waits until what came before it is safe."""

from collections.abc import AsyncIterator


class Source:
    """Iterates over `chunks` up to their end or their error, which `end` then raises."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self.error: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._chunks:
                yield chunk
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's, and raised again
            self.error = error

    def end(self) -> None:
        """Raises what the chunks raised, if they did."""
        if self.error is not None:
            raise self.error
