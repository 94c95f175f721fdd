import zlib

import brotli
import pytest
import zstandard

from gigaday.edge.compression import ENCODERS
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
