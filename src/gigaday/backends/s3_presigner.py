"""Signed requests with which clients move bytes to and from S3 without a node between."""

import base64

from msgspec.structs import replace

from gigaday.backends.s3_client import S3Client
from gigaday.backends.s3_credentials import S3Credentials
from gigaday.backends.s3_growing import Handle
from gigaday.contracts import Clock, Growth, Part, SignedRequest
from gigaday.rules.object_keys import check
from gigaday.rules.sigv4 import Signer


class S3Presigner:
    """`Presigner` on one bucket."""

    def __init__(
        self,
        bucket: str,
        client: S3Client,
        *,
        endpoint: str | None,
        region: str,
        credentials: S3Credentials,
        clock: Clock,
    ) -> None:
        self._base = f"{endpoint.rstrip('/')}/{bucket}" if endpoint else f"https://{bucket}.s3.{region}.amazonaws.com"
        self._client, self._region, self._credentials, self._clock = client, region, credentials, clock
        self._last: Signer | None = None

    def signed_put(self, key: str, seconds: int, *, size: int, content_type: str, sha256: str) -> SignedRequest:
        headers = {
            "content-length": str(size),
            "content-type": content_type,
            "x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(sha256)).decode(),
        }
        return self._signed("PUT", key, seconds, {}, headers)

    def signed_part(self, growth: Growth, number: int, seconds: int, *, size: int, sha256: str | None) -> SignedRequest:
        query = {"partNumber": str(number), "uploadId": Handle.of(growth).upload}
        headers = {"content-length": str(size)}
        if sha256 is not None:
            # Not x-amz-checksum-sha256: an upload takes that with each of its parts or with none.
            headers["x-amz-content-sha256"] = sha256.lower()
        return self._signed("PUT", growth.key, seconds, query, headers)

    def signed_get(self, key: str, seconds: int, *, content_type: str, disposition: str) -> str:
        query = {"response-content-type": content_type, "response-content-disposition": disposition}
        return self._signed("GET", key, seconds, query, {}).url

    async def arrived(self, growth: Growth) -> Growth:
        parts: list[Part] = []
        pages = self._client.pages("list_parts", Key=growth.key, UploadId=Handle.of(growth).upload)
        async for page in pages:
            parts += [Part(found["PartNumber"], found["Size"], found["ETag"]) for found in page.get("Parts", ())]
        return replace(growth, parts=tuple(parts), offset=sum(part.size for part in parts), tail=0)

    def _signed(
        self, method: str, key: str, seconds: int, query: dict[str, str], headers: dict[str, str]
    ) -> SignedRequest:
        url = self._signer().presigned(
            method, self._base, check(key), query=query, headers=headers, at=self._clock.now(), seconds=seconds
        )
        return SignedRequest(method, url, headers)

    def _signer(self) -> Signer:
        keys = self._credentials.current()
        if self._last is None or self._last.credentials != keys:
            self._last = Signer(keys, self._region)
        return self._last
