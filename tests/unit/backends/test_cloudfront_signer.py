"""CloudFront's signatures, against botocore's own."""

import base64
import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.signers import CloudFrontSigner as Other
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gigaday.backends.cloudfront_signer import CloudFrontSigner

URL = "https://cdn.example.com/media/acme/00/m-1?response-content-type=image%2Fpng"
EXPIRES = 1_800_000_000
AT = datetime.fromtimestamp(EXPIRES, UTC)
RSA = rsa.generate_private_key(65_537, 2_048)
EC = ec.generate_private_key(ec.SECP256R1())


def pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def theirs() -> Other:
    return Other("K1", lambda message: RSA.sign(message, padding.PKCS1v15(), SHA1()))


def decoded(text: str) -> bytes:
    return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")))


def test_a_canned_policy_is_signed_as_botocore_does() -> None:
    assert CloudFrontSigner("K1", pem(RSA)).url(URL, EXPIRES) == theirs().generate_presigned_url(URL, AT)


def test_a_policy_of_its_own_is_signed_as_botocore_does() -> None:
    wild = "https://cdn.example.com/media/acme/*"
    policy = theirs().build_policy(wild, AT)
    assert CloudFrontSigner("K1", pem(RSA)).url(URL, EXPIRES, wild) == theirs().generate_presigned_url(
        URL, policy=policy
    )


def test_cookies_open_what_their_policy_says() -> None:
    wild = "https://cdn.example.com/media/acme/*"
    cookies = CloudFrontSigner("K1", pem(RSA)).cookies(wild, EXPIRES)
    policy = decoded(cookies["CloudFront-Policy"])
    assert policy.decode() == theirs().build_policy(wild, AT)
    RSA.public_key().verify(decoded(cookies["CloudFront-Signature"]), policy, padding.PKCS1v15(), SHA1())
    assert cookies["CloudFront-Key-Pair-Id"] == "K1"


def test_an_elliptic_key_signs_the_same_policy_and_always_the_same() -> None:
    signer = CloudFrontSigner("K1", pem(EC))
    link = signer.url(URL, EXPIRES)
    told = parse_qs(urlsplit(link).query)
    policy = theirs().build_policy(URL, AT).encode()
    EC.public_key().verify(decoded(told["Signature"][0]), policy, ec.ECDSA(SHA1()))
    assert link == signer.url(URL, EXPIRES)
    assert json.loads(policy)["Statement"][0]["Condition"]["DateLessThan"]["AWS:EpochTime"] == int(told["Expires"][0])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        pem(rsa.generate_private_key(65_537, 1_024)),
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ed25519.Ed25519PrivateKey.generate()),
    ],
)
def test_a_key_that_cloudfront_would_not_take_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="key"):
        CloudFrontSigner("K1", text)
