"""Signed URLs, against botocore's own signer."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaday.rules.sigv4 import MOST_SECONDS, Credentials, Signer

KEYS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
DIGEST = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def sign(method="GET", base="https://b.s3.amazonaws.com", key="a", query=None, headers=None, keys=KEYS, **more):
    signer, given = Signer(keys, more.pop("region", "us-east-1")), {"at": 1_700_000_000.5, "seconds": 600} | more
    return signer.presigned(method, base, key, query=query or {}, headers=headers or {}, **given)


def by_botocore(method, base, key, query, headers, keys, region, seconds):
    """As botocore signs it now; the moment stands in the URL."""
    url = f"{base}/{quote(key, safe='/~')}"
    if query:
        url += "?" + urlencode(query, quote_via=quote, safe="-_.~")
    request = AWSRequest(method=method, url=url, headers=headers)
    stated = BotocoreCredentials(keys.access_key_id, keys.secret_access_key, keys.token)
    S3SigV4QueryAuth(stated, "s3", region, expires=seconds).add_auth(request)
    return request.url


def moment(url: str) -> float:
    told = parse_qs(urlsplit(url).query)["X-Amz-Date"][0]
    return datetime.strptime(told, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()


plain = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x2FFF, exclude_categories=["Cs", "Zs", "Cc"]), min_size=1
)
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1).filter(str.strip)
keys = st.builds(
    Credentials,
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:", min_size=4),
    st.text("abcdefABCDEF0123456789/+", min_size=8),
    st.none() | st.text("abcdefABCDEF0123456789/+=", min_size=1),
)
bases = st.sampled_from(
    ["https://b.s3.eu-west-1.amazonaws.com", "http://127.0.0.1:8333/bucket", "https://Host:443/b", "http://h:80/b"]
)
headers = st.fixed_dictionaries(
    {},
    optional={
        "content-length": st.integers(0, 5 << 30).map(str),
        "content-type": printable,
        "x-amz-checksum-sha256": printable,
        "x-amz-content-sha256": st.just(DIGEST),
        "x-amz-meta-odd": printable,
    },
)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(["GET", "PUT", "HEAD"]), bases, plain, st.dictionaries(plain, plain), headers, keys,
    st.sampled_from(["us-east-1", "eu-central-1"]), st.integers(1, MOST_SECONDS),
)  # fmt: skip
def test_the_signature_is_botocores(method, base, key, query, headers, keys, region, seconds):
    theirs = by_botocore(method, base, key, query, headers, keys, region, seconds)
    signer = Signer(keys, region)
    signer.presigned(method, base, key, query={}, headers={}, at=1_700_000_000, seconds=1)
    ours = signer.presigned(method, base, key, query=query, headers=headers, at=moment(theirs), seconds=seconds)
    assert parse_qs(urlsplit(ours).query)["X-Amz-Signature"] == parse_qs(urlsplit(theirs).query)["X-Amz-Signature"]
    assert urlsplit(ours)[:3] == urlsplit(theirs)[:3]
    assert sorted(urlsplit(ours).query.split("&")) == sorted(urlsplit(theirs).query.split("&"))


def test_every_word_of_a_request_is_bound():
    common = {"method": "PUT", "query": {"partNumber": "1"}, "headers": {"content-length": "5"}}
    others = [
        {"method": "GET"}, {"key": "b"}, {"query": {"partNumber": "2"}}, {"headers": {"content-length": "6"}},
        {"headers": {"content-length": "5", "x-amz-content-sha256": DIGEST}}, {"seconds": 601}, {"at": 1_700_000_001.5},
        {"region": "eu-west-1"}, {"keys": Credentials("AKIDEXAMPLE", "another")},
        {"keys": Credentials("AKIDEXAMPLE", KEYS.secret_access_key, "token")}, {"base": "https://c.s3.amazonaws.com"},
    ]  # fmt: skip
    signatures = [sign(**common | other).rpartition("=")[2] for other in [{}, *others]]
    assert len(set(signatures)) == len(others) + 1


@pytest.mark.parametrize("seconds", [0, -1, MOST_SECONDS + 1])
def test_no_signature_holds_for_ever(seconds):
    with pytest.raises(ValueError, match="holds for"):
        sign(seconds=seconds)
