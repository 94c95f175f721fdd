"""One thread that owns the writing connection and commits whatever has queued up as one transaction (group commit)."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from gigaday.errors import BackendDown, BackendFull

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]
Waiting = tuple[Job, Future[Any]]
_MOST_JOBS = 512


class Writer:
    """Runs jobs in order. A job's result is given only after its transaction is on disk. Whatever a job raises, the
    thread goes on: were it to end, every later write would wait for ever."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[sqlite3.Connection], T], within: float | None = None) -> T:
        """The job's result. Raises BackendFull, BackendDown (also after `within` seconds) or what the job raised.

        Cancelling the caller does not undo the write. One that has not begun in time is dropped; one that has may yet
        be applied.
        """
        future: Future[T] = Future()
        self._queue.put((job, future))
        result = asyncio.wrap_future(future)
        result.add_done_callback(_seen)
        done, _ = await asyncio.wait({result}, timeout=within)
        if not done:
            future.cancel()
            raise BackendDown("sqlite: a write was not done in time")
        return result.result()

    def close(self) -> None:
        """Finishes what is queued, then closes the connection."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, closing = self._gather(first)
            if wanted := [(job, future) for job, future in batch if future.set_running_or_notify_cancel()]:
                self._commit(wanted)
            if closing:
                return

    def _gather(self, first: Waiting) -> tuple[list[Waiting], bool]:
        batch = [first]
        while len(batch) < _MOST_JOBS:
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
        return batch, False

    def _commit(self, batch: list[Waiting]) -> None:
        done: list[tuple[Future[Any], Any]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job, future in batch:
                self._run(job, future, done)
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers hear of it and the thread goes on
            self._roll_back()
            for _, future in batch:
                if not future.done():
                    future.set_exception(_meaning(error))
            return
        for future, result in done:
            future.set_result(result)

    def _run(self, job: Job, future: Future[Any], done: list[tuple[Future[Any], Any]]) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            done.append((future, job(self._connection)))
        except (sqlite3.OperationalError, sqlite3.InternalError):
            raise  # The disk or the transaction, not the job: nothing of the batch can be relied upon.
        except Exception as error:  # noqa: BLE001 - it is its caller's
            self._connection.execute("ROLLBACK TO job")
            future.set_exception(_meaning(error))
        self._connection.execute("RELEASE job")

    def _roll_back(self) -> None:
        # Where this fails, so does the next BEGIN, and then it is tried again.
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


def _seen(result: "asyncio.Future[Any]") -> None:
    """Looks at the exception, so that one nobody waits for any more is not reported as lost."""
    if not result.cancelled():
        result.exception()


def _meaning(error: Exception) -> Exception:
    if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
        return BackendFull("the disk is full")
    if isinstance(error, sqlite3.Error):
        return BackendDown(f"sqlite: {error}")
    return ValueError(f"not storable: {error}") if isinstance(error, OverflowError) else error
