"""Objects in S3, or what speaks like it, through obstore."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import S3Store

from gigaday.backends.s3_credentials import S3Credentials
from gigaday.contracts import StoredObject
from gigaday.errors import BackendDown, BackendFull, ObjectMissing
from gigaday.rules.object_keys import check

_PART_BYTES = 8 << 20
_READ_BYTES = 1 << 20
_PARTS_AT_ONCE = 2
GROWING = ".growing/"
"""Below it lies what is held apart of objects that are not whole yet."""
_FULL = re.compile(r"status code: (413|507)\b|<Code>\w*(QuotaExceeded|StorageFull|InsufficientStorage|EntityTooLarge)<")
"""How stores say that there is no room; obstore tells status and body in its message alone."""


class S3Objects:
    """`ObjectStore` on one bucket. Keys below `.growing/`, which no caller can name, are not told of."""

    def __init__(self, bucket: str, *, endpoint: str | None, region: str, credentials: S3Credentials) -> None:
        self._store = S3Store(
            bucket,
            endpoint=endpoint,
            region=region,
            credential_provider=credentials.refreshed,
            virtual_hosted_style_request=endpoint is None,
            client_options={
                "allow_http": bool(endpoint and endpoint.startswith("http://")),
                "connect_timeout": timedelta(seconds=2),
                "read_timeout": timedelta(seconds=10),
                "timeout": timedelta(hours=1),  # of a whole transfer; the edge and the prober have their own deadlines
            },
            retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=5)},
        )

    async def put(self, key: str, chunks: AsyncIterator[bytes], content_type: str) -> int:
        check(key)
        source = _Source(chunks)
        first = await source.block()
        rest = await source.block() if len(first) >= _PART_BYTES else b""
        body = source.blocks(first, rest) if rest else first
        with _translated(source=source):
            await self._sent(key, source, self._send(key, body, content_type, in_parts=bool(rest)))
        return source.size

    async def _send(self, key: str, body: bytes | AsyncIterator[bytes], content_type: str, *, in_parts: bool) -> None:
        await obstore.put_async(
            self._store,
            key,
            body,
            attributes={"Content-Type": content_type},
            use_multipart=in_parts,
            chunk_size=_PART_BYTES,
            max_concurrency=_PARTS_AT_ONCE,
        )

    async def _sent(self, key: str, source: "_Source", sending: Coroutine[None, None, None]) -> None:
        """Waits for `sending`. Where the caller is cancelled the source is made to fail, at which obstore removes the
        parts that it had sent; cancelled itself, it would leave them."""
        task = asyncio.ensure_future(sending)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            source.stop()
            await asyncio.wait([task])
            if task.exception() is None:
                await self.delete(key)
            raise

    async def size(self, key: str) -> int | None:
        try:
            with _translated(key):
                return (await obstore.head_async(self._store, check(key)))["size"]
        except ObjectMissing:
            return None

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        if start >= end:
            if await self.size(key) is None:
                raise ObjectMissing(key)
            return
        with _translated(key):
            found = await obstore.get_async(self._store, check(key), options={"range": (start, end)})
            async for block in found.stream(_READ_BYTES):
                yield bytes(block)

    async def delete(self, key: str) -> None:
        try:
            with _translated(key):
                await obstore.delete_async(self._store, check(key))
        except ObjectMissing:
            return

    async def list(self, prefix: str) -> AsyncIterator[StoredObject]:
        # The store lists whole path segments only: list the folder, keep what starts with the prefix.
        folder = prefix.rpartition("/")[0]
        with _translated():
            async for page in obstore.list(self._store, folder or None):
                for found in page:
                    if found["path"].startswith(prefix) and not found["path"].startswith(GROWING):
                        yield StoredObject(found["path"], found["size"], found["last_modified"].timestamp())

    async def ping(self) -> None:
        with _translated():
            await obstore.list_with_delimiter_async(self._store, ".ping")

    async def tidy(self) -> None:
        """Nothing: parts that a dead process left are for the bucket's AbortIncompleteMultipartUpload rule."""

    async def close(self) -> None:
        """Nothing: connections end with the process."""


class _Source:
    """The caller's chunks as blocks of a part's size; keeps the caller's own error, which obstore would wrap."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._stopped = asyncio.Event()
        self.size = 0
        self.error: BaseException | None = None

    def stop(self) -> None:
        """Makes the next block, or the one waited for, an error."""
        self._stopped.set()

    async def block(self) -> bytes:
        """The next block, empty at the end."""
        waiting = bytearray()
        try:
            async for chunk in self._chunks:
                waiting += chunk
                if len(waiting) >= _PART_BYTES:
                    break
        except BaseException as error:
            self.error = error
            raise
        self.size += len(waiting)
        return bytes(waiting)

    async def blocks(self, *read: bytes) -> AsyncIterator[bytes]:
        """What was read already, then the rest."""
        for block in read:
            yield block
        while block := await self._block_unless_stopped():
            yield block

    async def _block_unless_stopped(self) -> bytes:
        block, stopped = asyncio.ensure_future(self.block()), asyncio.ensure_future(self._stopped.wait())
        await asyncio.wait({block, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not stopped.done():
            stopped.cancel()
            return await block
        block.cancel()
        raise InterruptedError("the upload was given up")


@contextmanager
def _translated(key: str | None = None, source: _Source | None = None) -> Iterator[None]:
    """Where no `key` is looked for, a thing not found is the bucket: that is a fault of the store."""
    try:
        yield
    except Exception as error:
        if key is not None and isinstance(error, NotFoundError | FileNotFoundError):
            raise ObjectMissing(key) from error
        if source is not None and source.error is not None:
            raise source.error from None
        if isinstance(error, BaseError) and _FULL.search(str(error)):
            raise BackendFull("the object store has no space left for this") from error
        if isinstance(error, BaseError | OSError):
            raise BackendDown(f"the object store failed: {type(error).__name__}") from error
        raise
