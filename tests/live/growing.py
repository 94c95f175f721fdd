"""A process that adds a file to an object that grows, keeping how far it has come beside it; it can be killed."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from gigaday.backends.clock import SystemClock
from gigaday.backends.folder_growing import GrowingFolder
from gigaday.backends.s3_client import S3Client
from gigaday.backends.s3_credentials import S3Credentials
from gigaday.backends.s3_growing import GrowingS3
from gigaday.contracts import GrowingStore, Growth
from tests.servers.swift import ACCESS_KEY, REGION

KEY = "m/grown"


class Work(msgspec.Struct):
    """What to add and where; `endpoint`, `bucket` and `secret` lead to S3."""

    content: str
    state: str
    folder: str = ""
    endpoint: str = ""
    bucket: str = ""
    secret: str = ""


def opened(work: Work) -> GrowingStore:
    if work.folder:
        return GrowingFolder(Path(work.folder), SystemClock(), kept_every=1 << 20)
    place = {"endpoint": work.endpoint, "region": REGION, "credentials": S3Credentials(ACCESS_KEY, work.secret)}
    return GrowingS3(work.bucket, S3Client(work.bucket, **place), clock=SystemClock(), **place)


def state(work: Work) -> Growth:
    return msgspec.json.decode(Path(work.state).read_bytes(), type=Growth)


async def keep(work: Work, growth: Growth) -> None:
    fresh = Path(work.state + ".fresh")
    fresh.write_bytes(msgspec.json.encode(growth))
    fresh.replace(work.state)


async def _slowly(content: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(content), 65_536):
        yield content[at : at + 65_536]
        await asyncio.sleep(0.001)


async def _grow(work: Work) -> None:
    store, growth = opened(work), state(work)
    print("goes on", flush=True)
    content = _slowly(Path(work.content).read_bytes()[growth.offset :])
    await keep(work, await store.append(growth, content, lambda further: keep(work, further)))


if __name__ == "__main__":
    asyncio.run(_grow(msgspec.json.decode(sys.argv[1], type=Work)))
    os._exit(0)
