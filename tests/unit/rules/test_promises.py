import pytest

from gigaday.rules.promises import fits, plain


def test_a_type_is_compared_in_its_usual_spelling():
    assert plain("IMAGE/JPG; q=1") == "image/jpeg"
    assert plain(None) == ""


@pytest.mark.parametrize(
    ("promised", "seen"),
    [
        (None, "image/png"),
        ("application/octet-stream", "image/png"),
        ("image/jpg", "image/jpeg"),
        ("text/csv", "text/plain"),
        ("text/markdown", "text/html"),
        ("application/x-yaml", "text/plain"),
        ("application/vnd.ms-excel", "text/plain"),
        ("model/gltf-binary", "application/octet-stream"),
        ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "application/zip"),
        ("video/quicktime", "video/mp4"),
    ],
)
def test_what_the_bytes_may_be_fits(promised, seen):
    assert fits(promised, seen)


@pytest.mark.parametrize(
    ("promised", "seen"),
    [
        ("image/png", "image/jpeg"),
        ("image/png", "text/html"),
        ("image/png", "image/svg+xml"),
        ("image/png", "application/octet-stream"),
        ("image/svg+xml", "text/plain"),
        ("image/webp", "application/zip"),
        ("application/pdf", "text/plain"),
        ("text/csv", "image/png"),
        ("video/mp4", "text/plain"),
        ("audio/mpeg", "application/zip"),
    ],
)
def test_what_the_bytes_are_not_does_not(promised, seen):
    assert not fits(promised, seen)
