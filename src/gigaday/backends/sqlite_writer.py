"""One thread that owns the writing connection and commits whatever has queued up as one transaction (group commit)."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from gigaday.errors import BackendDown, BackendError, BackendFull

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]
_MOST_JOBS = 512


class Writer:
    """Runs jobs in order. A job's result is given only after its transaction is on disk."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._queue: SimpleQueue[tuple[Job, Future[Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="sqlite-writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """The job's result. Raises BackendFull or BackendDown; cancelling the caller does not undo the write."""
        future: Future[T] = Future()
        self._queue.put((job, future))
        return await asyncio.shield(asyncio.wrap_future(future))

    def close(self) -> None:
        """Finishes what is queued, then closes the connection."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, closing = self._gather(first)
            self._commit(batch)
            if closing:
                return

    def _gather(self, first: tuple[Job, Future[Any]]) -> tuple[list[tuple[Job, Future[Any]]], bool]:
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

    def _commit(self, batch: list[tuple[Job, Future[Any]]]) -> None:
        done: list[tuple[Future[Any], Any]] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for job, future in batch:
                self._run(job, future, done)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._roll_back()
            for _, future in batch:
                if not future.done():
                    future.set_exception(_translate(error))
            return
        for future, result in done:
            future.set_result(result)

    def _run(self, job: Job, future: Future[Any], done: list[tuple[Future[Any], Any]]) -> None:
        self._connection.execute("SAVEPOINT job")
        try:
            done.append((future, job(self._connection)))
        except (ValueError, sqlite3.DataError, sqlite3.IntegrityError, sqlite3.ProgrammingError) as error:
            self._connection.execute("ROLLBACK TO job")
            future.set_exception(error if isinstance(error, ValueError) else _translate(error))
        self._connection.execute("RELEASE job")

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _translate(error: sqlite3.Error) -> BackendError:
    if getattr(error, "sqlite_errorname", "") == "SQLITE_FULL":
        return BackendFull("the disk is full")
    return BackendDown(f"sqlite: {error}")
