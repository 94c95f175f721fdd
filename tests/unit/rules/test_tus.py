import base64
import hashlib

import pytest

from gigaday.errors import BadRequest, UnsupportedVersion
from gigaday.rules import tus


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_another_version_is_refused_with_the_one_that_is_spoken():
    tus.check_version("1.0.0")
    for sent in (None, "", "0.2.2", "1.0.1", "1.0.0, 1.0.0"):
        with pytest.raises(UnsupportedVersion) as refused:
            tus.check_version(sent)
        assert refused.value.headers["Tus-Version"] == "1.0.0"


@pytest.mark.parametrize("sent", [None, "", "-1", "+1", "1.0", "1e3", "0x10", " 1", "１", "9" * 19])
def test_what_is_no_whole_number_of_bytes_is_refused(sent):
    with pytest.raises(BadRequest, match="Upload-Offset"):
        tus.number("Upload-Offset", sent)
    assert tus.number("Upload-Offset", "0123") == 123


def test_metadata_are_read_whatever_they_are_made_of():
    sent = f"filename {b64('stühle,und bänke.png')}, filetype {b64('image/png')},is_confidential"
    assert tus.metadata(sent) == {"filename": "stühle,und bänke.png", "filetype": "image/png", "is_confidential": ""}
    assert tus.metadata("") == {}


@pytest.mark.parametrize(
    "sent",
    [
        f"filename {b64('a')},filename {b64('b')}",
        "filename !!!",
        "filename " + base64.b64encode(b"\xff\xfe").decode(),
        "fil\u00e9name YQ==",
        "filename " + "A" * 9000,
        "filename YQ== YQ==",
    ],
)
def test_malformed_metadata_are_refused(sent):
    with pytest.raises(BadRequest):
        tus.metadata(sent)


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_each_checksum_that_is_offered_is_read(algorithm):
    digest = hashlib.new(algorithm, b"chunk").digest()
    assert tus.checksum(f"{algorithm} {base64.b64encode(digest).decode()}") == (algorithm, digest)


@pytest.mark.parametrize("sent", ["", "sha1", "crc32 AAAA", "sha256 " + base64.b64encode(b"short").decode(), "md5 ?"])
def test_a_checksum_that_means_nothing_is_refused(sent):
    with pytest.raises(BadRequest, match="Upload-Checksum"):
        tus.checksum(sent)
