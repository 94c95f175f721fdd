"""A bucket reached with keys that this machine is given, not ones that are set."""

from collections.abc import AsyncIterator

import httpx
import pytest

from gigaday.backends.clock import SystemClock
from gigaday.backends.s3_client import S3Client
from gigaday.backends.s3_credentials import S3Credentials
from gigaday.backends.s3_growing import GrowingS3
from gigaday.backends.s3_presigner import S3Presigner
from gigaday.errors import BackendDown
from tests.roles import Role
from tests.servers.swift import ACCESS_KEY, REGION

pytestmark = pytest.mark.live


@pytest.fixture
def role(tmp_path):
    return Role(tmp_path)


@pytest.fixture
async def place(swift, role):
    name, credentials = swift.bucket(), S3Credentials(None, None, session=role.session)
    where = {"endpoint": swift.endpoint, "region": REGION, "credentials": credentials}
    client = S3Client(name, **where)
    store = GrowingS3(name, client, clock=SystemClock(), **where)
    yield store, S3Presigner(name, client, clock=SystemClock(), **where)
    await store.close()


async def of(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_every_way_to_the_bucket_uses_them(place, role, swift):
    store, presigner = place
    role.tell(ACCESS_KEY, minutes=60, secret=swift.secret, token=None)
    await store.put("m/put", of(b"abc"), "image/png")
    await store.complete(await store.append(await store.start("m/grown", "image/png"), of(b"abc"), None))
    for key in ("m/put", "m/grown"):
        url = presigner.signed_get(key, 60, content_type="image/png", disposition="inline")
        assert httpx.get(url).content == b"abc"


async def test_new_keys_are_used_once_the_old_expire(place, role, swift):
    store, _ = place
    role.tell("revoked", minutes=5)
    with pytest.raises(BackendDown):
        await store.ping()
    role.tell(ACCESS_KEY, minutes=60, secret=swift.secret, token=None)
    growth = await store.start("m/a", "image/png")
    await store.abandon(growth)


async def test_without_any_the_store_is_down(place, tmp_path):
    (tmp_path / "config").write_text("[profile role]\ncredential_process = false\n")
    store, presigner = place
    for attempt in (store.ping(), store.put("m/a", of(b"x"), "image/png"), store.start("m/a", "image/png")):
        with pytest.raises(BackendDown):
            await attempt
    with pytest.raises(BackendDown):
        presigner.signed_get("m/a", 60, content_type="image/png", disposition="inline")
