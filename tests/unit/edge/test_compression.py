import random
import tracemalloc
import zlib
from base64 import b64encode
from typing import Any

import brotli
import msgspec
import pytest
import zstandard

from gigaday.edge.compression import ENCODERS, trimmed
from gigaday.rules.etags import ENCODINGS

DECODERS = {
    "zstd": zstandard.decompress,
    "br": brotli.decompress,
    "gzip": lambda body: zlib.decompress(body, wbits=31),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_what_is_encoded_decodes_to_the_same(name: str) -> None:
    body = b'{"name": "Bar stool"}' * 100
    encoded = ENCODERS[name](body)
    assert DECODERS[name](encoded) == body
    assert len(encoded) < len(body) / 4
    assert encoded == ENCODERS[name](body)


def test_every_encoding_has_its_suffix_of_an_etag() -> None:
    assert tuple(ENCODERS) == ENCODINGS


def _traced(make: Any) -> float:
    """Of what `make` returns many times, the bytes in memory for each byte of its length."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        made = [make() for _ in range(20)]
        return (tracemalloc.get_traced_memory()[0] - before) / sum(map(len, made))
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ENCODERS)
def test_what_is_encoded_takes_no_more_memory_than_its_length(name: str) -> None:
    body = b64encode(random.Random(1).randbytes(15_000))
    assert _traced(lambda: ENCODERS[name](body)) < 1.1


def test_what_is_trimmed_takes_no_more_memory_than_its_length() -> None:
    value = {"description": "x" * 20_000}
    assert trimmed(msgspec.json.encode(value)) == msgspec.json.encode(value)
    assert _traced(lambda: trimmed(msgspec.json.encode(value))) < 1.1
