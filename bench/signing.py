"""Signed requests to S3: the time of each, without the network, beside botocore's own."""

import base64
import time
from collections.abc import Callable
from functools import partial

from botocore.config import Config
from botocore.session import Session

from bench.report import Figure, in_turn, micro
from gigaday.backends.clock import SystemClock
from gigaday.backends.s3_client import S3Client
from gigaday.backends.s3_credentials import S3Credentials
from gigaday.backends.s3_presigner import S3Presigner
from gigaday.contracts import Growth

SIGNED, ROUNDS = 10_000, 3
ENDPOINT, REGION, BUCKET = "https://s3.example.com", "us-east-1", "bucket"
KEYS = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
DIGEST = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def run(scale: float) -> list[Figure]:
    """Of uploads bound to size, type and digest, of parts, and of downloads with their headers."""
    count = max(100, int(SIGNED * scale))
    ways: dict[str, Callable[[int], object]] = {**_ours(), "PUT, by botocore": _by_botocore()}
    found = in_turn(ROUNDS, [partial(_each, way, count) for way in ways.values()])
    return [
        Figure(f"{count:,} signed: {name}", micro(seconds), "" if "botocore" in name else "<= 50 us")
        for name, seconds in zip(ways, found, strict=True)
    ]


def _each(way: Callable[[int], object], count: int) -> float:
    began = time.perf_counter()
    for number in range(count):
        way(number)
    return (time.perf_counter() - began) / count


def _ours() -> dict[str, Callable[[int], object]]:
    credentials = S3Credentials(*KEYS)
    client = S3Client(BUCKET, endpoint=ENDPOINT, region=REGION, credentials=credentials)
    signer = S3Presigner(BUCKET, client, endpoint=ENDPOINT, region=REGION, credentials=credentials, clock=SystemClock())
    growth = Growth("media/t/aa/grown", "upload")
    return {
        "PUT": lambda number: signer.signed_put(
            f"media/t/aa/{number}", 600, size=number, content_type="image/jpeg", sha256=DIGEST
        ),
        "part": lambda number: signer.signed_part(growth, number + 1, 600, size=8 << 20, sha256=DIGEST),
        "GET": lambda number: signer.signed_get(
            f"media/t/aa/{number}", 600, content_type="image/jpeg", disposition='inline; filename="a.jpg"'
        ),
    }


def _by_botocore() -> Callable[[int], object]:
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    client = Session().create_client(
        "s3", region_name=REGION, endpoint_url=ENDPOINT, aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1],
        config=config,
    )  # fmt: skip
    digest = base64.b64encode(bytes.fromhex(DIGEST)).decode()
    common = {"Bucket": BUCKET, "ContentType": "image/jpeg", "ChecksumSHA256": digest}

    def sign(number: int) -> object:
        words = {**common, "Key": f"media/t/aa/{number}", "ContentLength": number}
        return client.generate_presigned_url("put_object", words, ExpiresIn=600)

    return sign
