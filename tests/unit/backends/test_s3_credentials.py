"""Whose keys are used for S3, and that they are fresh."""

from datetime import UTC, datetime, timedelta

import pytest

from gigaday.backends.s3_client import S3Client
from gigaday.backends.s3_credentials import S3Credentials
from gigaday.backends.s3_presigner import S3Presigner
from gigaday.errors import BackendDown
from gigaday.rules.sigv4 import Credentials
from tests.clocks import HandClock
from tests.roles import Role


@pytest.fixture
def role(tmp_path):
    return Role(tmp_path)


def test_keys_that_are_set_are_used():
    assert S3Credentials("id", "secret").current() == Credentials("id", "secret")
    assert S3Credentials("id", "secret", "token").current() == Credentials("id", "secret", "token")


def test_without_any_those_of_the_machine_are(role):
    role.tell("first", minutes=60)
    assert S3Credentials(None, None, session=role.session).current() == Credentials("first", "secret", "token")


def test_keys_about_to_expire_make_way_for_new_ones(role):
    clock = HandClock()
    credentials = S3Credentials(None, None, session=role.session, monotonic=clock.monotonic)
    role.tell("first", minutes=5)
    assert credentials.current().access_key_id == "first"
    role.tell("second", minutes=60)
    clock.time += 299
    assert credentials.current().access_key_id == "first"
    clock.time += 1
    assert credentials.current().access_key_id == "second"


async def test_refreshing_off_the_loop_is_what_signing_then_sees(role):
    clock = HandClock()
    credentials = S3Credentials(None, None, session=role.session, monotonic=clock.monotonic)
    role.tell("first", minutes=5)
    assert (await credentials.refreshed())["access_key_id"] == "first"
    role.tell("second", minutes=60)
    told = await credentials.refreshed()
    assert (told["access_key_id"], told["token"]) == ("second", "token")
    assert timedelta(minutes=5) < told["expires_at"] - datetime.now(UTC) <= timedelta(minutes=10)
    assert credentials.current().access_key_id == "second"


def test_signatures_are_made_with_the_keys_in_force(role):
    clock = HandClock(1_700_000_000)
    credentials = S3Credentials(None, None, session=role.session, monotonic=clock.monotonic)
    where = {"endpoint": None, "region": "eu-west-1", "credentials": credentials}
    presigner = S3Presigner("bucket", S3Client("bucket", **where), clock=clock, **where)
    for name in ("first", "second"):
        role.tell(name, minutes=5)
        clock.time += 300
        url = presigner.signed_get("m/a", 60, content_type="image/png", disposition="inline")
        assert url.startswith("https://bucket.s3.eu-west-1.amazonaws.com/m/a?")
        assert f"X-Amz-Credential={name}%2F" in url and "X-Amz-Security-Token=token" in url


def test_where_there_are_none_it_is_an_outage(tmp_path, role):
    (tmp_path / "config").write_text("[profile role]\ncredential_process = false\n")
    with pytest.raises(BackendDown):
        S3Credentials(None, None, session=role.session).current()
