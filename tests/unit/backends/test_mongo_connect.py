import asyncio
import time

import pytest
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from gigaday.backends.mongo import MongoStore
from gigaday.backends.mongo_connect import translated
from gigaday.contracts import Collection
from gigaday.errors import BackendDown, BackendFull


def test_the_drivers_errors_become_our_own() -> None:
    with pytest.raises(BackendDown), translated():
        raise ServerSelectionTimeoutError("nobody there")
    with pytest.raises(BackendFull), translated():
        raise OperationFailure("no space", code=14031)
    with pytest.raises(ValueError, match="storable"), translated():
        raise OverflowError


def test_an_uri_that_cannot_be_used_is_named_at_once() -> None:
    with pytest.raises(BackendDown):
        MongoStore.open("http://nowhere")


async def test_a_server_that_is_not_there_is_down_within_the_limit() -> None:
    store = MongoStore.open("mongodb://127.0.0.1:1/?directConnection=true", min_pool=0, time_limit_ms=300)
    started = time.monotonic()
    calls = (store.get(Collection("items"), "acme", "a"), store.ping())
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    await store.close()
    assert [type(outcome) for outcome in outcomes] == [BackendDown, BackendDown]
    assert time.monotonic() - started < 2
