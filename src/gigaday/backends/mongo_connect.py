"""Connecting to MongoDB: the options every client of Gigaday uses, and what its errors mean to the rest."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from bson.errors import BSONError
from pymongo import AsyncMongoClient, ReadPreference, WriteConcern
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError, WaitQueueTimeoutError
from pymongo.monitoring import _EventListener
from pymongo.read_concern import ReadConcern

from gigaday.backends.mongo_documents import CODEC
from gigaday.errors import BackendBusy, BackendDown, BackendError, BackendFull

Client = AsyncMongoClient[dict[str, Any]]
Database = AsyncDatabase[dict[str, Any]]

DEFAULT_DATABASE = "gigaday"
_CONNECTING_AT_ONCE = 10
_OUT_OF_DISK_SPACE = 14031


def connect(
    uri: str,
    *,
    max_pool: int,
    min_pool: int,
    wait_ms: int,
    time_limit_ms: int,
    socket_timeout_ms: int | None = None,
    selection_ms: int | None = None,
    retry_reads: bool = True,
    listeners: Sequence[_EventListener] = (),
    member: tuple[str, int] | None = None,
) -> Client:
    """A client that connects on first use. `selection_ms` bounds the wait for a member that can serve a call, where
    `pymongo.timeout` does not; `member` is the only one of a set to send anything to. Raises BackendDown where the URI
    cannot be used."""
    # Twice the limit: the server ends an overdue command itself, and the connection then stays of use.
    socket_timeout_ms = socket_timeout_ms or 2 * time_limit_ms
    with translated():
        return AsyncMongoClient(
            uri,
            appname="gigaday",
            maxPoolSize=max_pool,
            minPoolSize=min(min_pool, max_pool),
            maxConnecting=_CONNECTING_AT_ONCE,
            maxIdleTimeMS=60_000,
            connectTimeoutMS=10_000,
            waitQueueTimeoutMS=wait_ms,
            serverSelectionTimeoutMS=selection_ms or time_limit_ms,
            socketTimeoutMS=socket_timeout_ms,
            retryWrites=True,
            retryReads=retry_reads,
            tz_aware=True,
            event_listeners=list(listeners),
            server_selector=None if member is None else lambda known: [one for one in known if one.address == member],
        )


def database(client: Client) -> Database:
    """The database the URI names, else `gigaday`: majority writes, reads from the primary."""
    return client.get_default_database(
        DEFAULT_DATABASE,
        codec_options=CODEC,
        read_preference=ReadPreference.PRIMARY,
        write_concern=WriteConcern(w="majority"),
        read_concern=ReadConcern("local"),
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into Gigaday's; a document MongoDB cannot hold is a ValueError."""
    try:
        yield
    except PyMongoError as error:
        raise _meaning(error) from error
    except (BSONError, OverflowError) as error:
        raise ValueError(f"not storable: {error}") from error


def _meaning(error: PyMongoError) -> BackendError:
    if isinstance(error, OperationFailure) and error.code == _OUT_OF_DISK_SPACE:
        return BackendFull("the database has no space left")
    if isinstance(error, WaitQueueTimeoutError):
        return BackendBusy("mongodb: no connection became free in time")
    return BackendDown(f"mongodb: {type(error).__name__}: {str(error)[:300]}")
