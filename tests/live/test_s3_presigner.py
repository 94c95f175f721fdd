"""Signed requests, sent to a real S3 server by clients that know nothing of it: curl and httpx."""

import asyncio
import base64
import hashlib
import random
import subprocess
from dataclasses import dataclass

import httpx
import pytest
from msgspec.structs import replace

from gigaday.backends.clock import SystemClock
from gigaday.backends.s3_client import S3Client
from gigaday.backends.s3_credentials import S3Credentials
from gigaday.backends.s3_growing import GrowingS3
from gigaday.backends.s3_presigner import S3Presigner
from gigaday.contracts import Growth, SignedRequest
from gigaday.errors import BackendDown, ObjectMissing
from tests.servers.swift import ACCESS_KEY, REGION

pytestmark = pytest.mark.live
MIB = 1 << 20
BODY = b"\x89PNG a picture"
SHA256 = hashlib.sha256(BODY).hexdigest()
KIND = "image/png"


class EarlierClock(SystemClock):
    """Eleven minutes slow: what is signed by it for ten has expired."""

    def now(self) -> float:
        return super().now() - 660


@dataclass(frozen=True)
class Bucket:
    store: GrowingS3
    presigner: S3Presigner
    earlier: S3Presigner


@pytest.fixture
async def bucket(swift):
    name, credentials = swift.bucket(), S3Credentials(ACCESS_KEY, swift.secret)
    place = {"endpoint": swift.endpoint, "region": REGION, "credentials": credentials}
    client = S3Client(name, **place)
    store = GrowingS3(name, client, clock=SystemClock(), **place)
    yield Bucket(
        store,
        S3Presigner(name, client, clock=SystemClock(), **place),
        S3Presigner(name, client, clock=EarlierClock(), **place),
    )
    await store.close()


def by_curl(request: SignedRequest, body: bytes) -> int:
    headers = [part for name, value in request.headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "20", "-X", request.method, *headers]
    return int(subprocess.run([*command, "--data-binary", "@-", request.url], input=body, capture_output=True).stdout)


def by_httpx(request: SignedRequest, body: bytes) -> int:
    return httpx.request(request.method, request.url, headers=request.headers, content=body, timeout=20).status_code


@pytest.fixture(params=[by_curl, by_httpx])
def send(request):
    return lambda *words: asyncio.to_thread(request.param, *words)


def signed_put(presigner: S3Presigner, key: str = "m/a", size: int = len(BODY)) -> SignedRequest:
    return presigner.signed_put(key, 600, size=size, content_type=KIND, sha256=SHA256)


def with_header(request: SignedRequest, **headers: str) -> SignedRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return replace(request, headers=request.headers | named)


async def whole(store: GrowingS3, key: str) -> bytes:
    return b"".join([block async for block in store.read(key, 0, await store.size(key))])


async def test_a_signed_put_stores_what_was_promised(bucket, send, swift):
    assert await send(signed_put(bucket.presigner), BODY) == 200
    assert await whole(bucket.store, "m/a") == BODY


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda put: (put, b"\x89PNG a forgery!"[: len(BODY)]), id="other bytes"),
        pytest.param(lambda put: (with_header(put, content_length="5"), BODY[:5]), id="fewer bytes"),
        pytest.param(lambda put: (with_header(put, content_length=str(len(BODY) + 1)), BODY + b"!"), id="more bytes"),
        pytest.param(lambda put: (with_header(put, content_type="text/html"), BODY), id="another type"),
        pytest.param(
            lambda put: (with_header(put, x_amz_checksum_sha256=base64.b64encode(bytes(32)).decode()), BODY),
            id="another digest",
        ),
        pytest.param(
            lambda put: (replace(put, headers={n: v for n, v in put.headers.items() if "sha256" not in n}), BODY),
            id="no digest",
        ),
        pytest.param(lambda put: (replace(put, url=put.url.replace("m/a?", "m/b?")), BODY), id="another key"),
        pytest.param(lambda put: (replace(put, url=put.url.replace("Expires=600", "Expires=6000")), BODY), id="longer"),
        pytest.param(lambda put: (replace(put, url=put.url[:-4] + "0000"), BODY), id="another signature"),
        pytest.param(lambda put: (replace(put, method="DELETE"), BODY), id="another method"),
    ],
)
async def test_whatever_is_not_as_signed_is_refused(bucket, send, forge):
    request, body = forge(signed_put(bucket.presigner))
    assert await send(request, body) in (400, 403)
    assert [found.key async for found in bucket.store.list("")] == []


async def test_another_size_is_refused_by_the_signature_alone(bucket, send):
    """Not only once its bytes have come and prove wrong."""
    growth = await bucket.store.start("m/parts", KIND)
    part = bucket.presigner.signed_part(growth, 1, 600, size=len(BODY), sha256=None)
    for request in (signed_put(bucket.presigner), part):
        for body in (BODY + b"!", BODY[:5]):
            assert await send(with_header(request, content_length=str(len(body))), body) == 403


async def test_an_expired_request_is_refused(bucket, send):
    assert await send(signed_put(bucket.earlier), BODY) == 403
    assert await bucket.store.size("m/a") is None


async def test_signed_parts_may_come_in_any_order_and_twice(bucket, send):
    content = random.Random(5).randbytes(12 * MIB)
    cuts = [content[: 5 * MIB], content[5 * MIB : 10 * MIB], content[10 * MIB :]]
    growth = await bucket.store.start("m/parts", KIND)
    for number in (3, 1, 2, 1):
        body = cuts[number - 1]
        digest = hashlib.sha256(body).hexdigest() if number != 2 else None
        request = bucket.presigner.signed_part(growth, number, 600, size=len(body), sha256=digest)
        assert await send(request, body) == 200
    growth = await bucket.presigner.arrived(growth)
    assert [(part.number, part.size) for part in growth.parts] == [(1, 5 * MIB), (2, 5 * MIB), (3, 2 * MIB)]
    assert await bucket.store.complete(growth) == growth.offset == len(content)
    assert await whole(bucket.store, "m/parts") == content


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda part: (part, b"x" * len(BODY)), id="other bytes"),
        pytest.param(lambda part: (with_header(part, content_length="5"), BODY[:5]), id="fewer bytes"),
        pytest.param(
            lambda part: (replace(part, url=part.url.replace("partNumber=1", "partNumber=2")), BODY),
            id="another number",
        ),
    ],
)
async def test_a_part_that_is_not_as_signed_is_refused(bucket, send, forge):
    growth = await bucket.store.start("m/parts", KIND)
    request, body = forge(bucket.presigner.signed_part(growth, 1, 600, size=len(BODY), sha256=SHA256))
    assert await send(request, body) in (400, 403)
    assert (await bucket.presigner.arrived(growth)).parts == ()


async def test_a_signed_get_answers_with_the_headers_it_was_signed_for(bucket):
    await asyncio.to_thread(by_httpx, signed_put(bucket.presigner), BODY)
    disposition = "attachment; filename=\"a.png\"; filename*=UTF-8''%C3%A4%20b.png"
    url = bucket.presigner.signed_get("m/a", 600, content_type="image/webp", disposition=disposition)
    answer = await asyncio.to_thread(httpx.get, url)
    assert (answer.status_code, answer.content) == (200, BODY)
    assert answer.headers["content-type"] == "image/webp"
    assert answer.headers["content-disposition"] == disposition
    for forged in (url.replace("image%2Fwebp", "text%2Fhtml"), url.replace("m/a?", "m/b?")):
        assert (await asyncio.to_thread(httpx.get, forged)).status_code == 403
    late = bucket.earlier.signed_get("m/a", 600, content_type=KIND, disposition="inline")
    assert (await asyncio.to_thread(httpx.get, late)).status_code == 403


async def test_what_arrives_for_an_upload_that_is_gone_is_told(bucket):
    growth = await bucket.store.start("m/parts", KIND)
    await bucket.store.abandon(growth)
    with pytest.raises(ObjectMissing):
        await bucket.presigner.arrived(growth)


async def test_a_store_that_is_away_is_down():
    credentials, clock = S3Credentials(ACCESS_KEY, "secret"), SystemClock()
    place = {"endpoint": "http://127.0.0.1:1", "region": REGION, "credentials": credentials}
    presigner = S3Presigner("bucket", S3Client("bucket", **place), clock=clock, **place)
    with pytest.raises(BackendDown):
        await presigner.arrived(Growth("m/a", "upload"))
