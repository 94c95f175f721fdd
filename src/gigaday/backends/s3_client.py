"""botocore, for what obstore does not do: uploads in parts over many calls. It blocks, so it works in threads."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gigaday.backends.s3_credentials import S3Credentials
from gigaday.errors import BackendDown, BackendFull, ObjectMissing

_THREADS = 16
_FULL = ("QuotaExceeded", "StorageFull", "InsufficientStorage", "EntityTooLarge")
_MISSING = ("NoSuchUpload", "NoSuchKey", "404", "InvalidPart")
"""InvalidPart: a part was sent anew since it was asked for, so the upload is not what the caller knows."""


class S3Client:
    """One bucket. At most 16 calls are on their way at once, each with a deadline for every read and write."""

    def __init__(self, bucket: str, *, endpoint: str | None, region: str, credentials: S3Credentials) -> None:
        self._bucket, self._endpoint, self._region, self._credentials = bucket, endpoint, region, credentials
        self._threads = ThreadPoolExecutor(_THREADS, "s3")
        self._making = threading.Lock()
        self._client: BaseClient | None = None

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The answer of an operation, named and with parameters as in botocore, on the bucket; a body is read whole.
        Raises ObjectMissing, BackendFull, BackendDown. Once cancelled it may still go on for a while."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: self._called(operation, parameters)
        )

    async def pages(self, operation: str, **parameters: Any) -> AsyncIterator[dict[str, Any]]:
        """The answers of an operation that lists, page by page."""
        pages = iter((await self._made_off_loop()).get_paginator(operation).paginate(Bucket=self._bucket, **parameters))
        loop = asyncio.get_running_loop()
        while page := await loop.run_in_executor(self._threads, lambda: _next(pages)):
            yield page

    def close(self) -> None:
        """Lets calls that are under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _called(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        with translated():
            answer: dict[str, Any] = getattr(self._made(), operation)(Bucket=self._bucket, **parameters)
            if "Body" in answer:
                answer["Body"] = answer["Body"].read()
            return answer

    async def _made_off_loop(self) -> BaseClient:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._made)

    def _made(self) -> BaseClient:
        with self._making, translated():
            if self._client is None:
                self._client = self._credentials.session.create_client(
                    "s3", region_name=self._region, endpoint_url=self._endpoint, config=_config(self._endpoint)
                )
            return self._client


def _config(endpoint: str | None) -> Config:
    return Config(
        signature_version="s3v4",
        # The digest of what is sent is signed, so the store notices a byte that changed on the way; the checksums that
        # botocore would add besides are not known to every store.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "virtual" if endpoint is None else "path", "payload_signing_enabled": True},
        connect_timeout=2,
        read_timeout=10,  # of silence: while a large upload is completed, stores send blanks
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=_THREADS,
        tcp_keepalive=True,
    )


@contextmanager
def translated() -> Iterator[None]:
    """botocore's errors as ours."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code.endswith(_FULL) or error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (413, 507):
            raise BackendFull("the object store has no space left for this") from error
        if code in _MISSING:
            raise ObjectMissing(f"the object store knows of no such thing: {code}") from error
        raise BackendDown(f"the object store failed: {code}") from error
    except (BotoCoreError, OSError) as error:
        raise BackendDown(f"the object store failed: {type(error).__name__}") from error


def _next(pages: Iterator[Any]) -> dict[str, Any]:
    with translated():
        page: dict[str, Any] = next(pages, {})
        return page
