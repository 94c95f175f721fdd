"""CloudFront: originals straight from the bucket by signed URLs, everything else through the nodes, and invalidations.

It forgets by path, slowly and for money: tags are told as few paths, and what it has no room for yet is tried again.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.session import Session

from gigaday.backends.cloudfront_signer import CloudFrontSigner
from gigaday.contracts import Clock, Delivery
from gigaday.errors import BackendBusy, BackendDown
from gigaday.rules.edge_paths import paths_of

MOST_PATHS, MOST_WILDCARDS = 3_000, 15
"""Of CloudFront's quotas: paths, and paths with a wildcard, that are being invalidated at a time."""
PING_SECONDS = 60.0
"""How long it is believed that its API answers: the API is for administration, and limits how often it is asked."""
_BUSY = frozenset(("TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "ServiceUnavailable"))


class CloudFront:
    """`Cdn` of one distribution, which clients reach at `endpoint`. Without keys the environment's own credentials are
    used; `api` is where its API is, unless at AWS."""

    def __init__(
        self,
        endpoint: str,
        distribution: str,
        signer: CloudFrontSigner,
        clock: Clock,
        *,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        api: str | None = None,
    ) -> None:
        self._endpoint, self._distribution = endpoint.rstrip("/"), distribution
        self._signer, self._clock = signer, clock
        self._keys, self._api = (access_key_id, secret_access_key), api
        self._client: Any = None
        self._answered = -PING_SECONDS
        self._making = asyncio.Lock()

    def link(self, delivery: Delivery) -> str:
        """What anyone may fetch for ever, and what nodes have to make, comes through them under their own signature."""
        if delivery.key is None or delivery.expires is None:
            return self._endpoint + delivery.path
        return self._signer.url(self.bare(delivery), delivery.expires)

    def bare(self, delivery: Delivery) -> str:
        """The address of a stored object without a signature, which it needs, or else cookies."""
        told = {
            "response-content-disposition": delivery.disposition,
            "response-content-type": delivery.content_type,
        }
        return f"{self._endpoint}/{quote(delivery.key or '')}?{urlencode(told, quote_via=quote)}"

    def cookies(self, path: str, expires: int) -> dict[str, str]:
        """Cookies that open everything under `path`, which ends with a wildcard, until `expires` (epoch seconds)."""
        return self._signer.cookies(self._endpoint + path, expires)

    async def purge(self, tags: Sequence[str]) -> None:
        paths = paths_of(tags, MOST_WILDCARDS)
        for start in range(0, len(paths), MOST_PATHS):
            await self._invalidate(paths[start : start + MOST_PATHS])

    async def ping(self) -> None:
        now = self._clock.monotonic()
        if now - self._answered >= PING_SECONDS:
            await self._call(lambda client: client.get_distribution(Id=self._distribution))
            self._answered = now

    async def close(self) -> None:
        if self._client is not None:
            self._client.close()

    async def _invalidate(self, paths: Sequence[str]) -> None:
        batch = {
            "Paths": {"Quantity": len(paths), "Items": list(paths)},
            "CallerReference": secrets.token_hex(16),
        }
        await self._call(
            lambda client: client.create_invalidation(DistributionId=self._distribution, InvalidationBatch=batch)
        )

    async def _call(self, work: Callable[[Any], object]) -> None:
        async with self._making:
            if self._client is None:
                self._client = await asyncio.to_thread(self._connected)
        try:
            await asyncio.to_thread(work, self._client)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            raise (BackendBusy if code in _BUSY else BackendDown)(f"CloudFront refuses: {code}") from error
        except BotoCoreError as error:
            raise BackendDown(f"CloudFront does not answer: {type(error).__name__}") from error

    def _connected(self) -> Any:
        access_key_id, secret_access_key = self._keys
        config = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1})
        return Session().create_client(
            "cloudfront", region_name="us-east-1", endpoint_url=self._api, config=config,
            aws_access_key_id=access_key_id, aws_secret_access_key=secret_access_key,
        )  # fmt: skip
