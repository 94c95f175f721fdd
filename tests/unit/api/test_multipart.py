import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaday.api.multipart import FileForm
from gigaday.errors import BadRequest, Invalid

BODY = (
    b'--XX\r\nContent-Disposition: form-data; name="alt"\r\n\r\nA chair\r\n'
    b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\nContent-Type: text/csv\r\n\r\n'
    b"one\r\ntwo\r\n--XX--\r\nepilogue"
)


async def read(form: FileForm, chunks: Iterable[bytes]) -> bytes:
    async def body() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    return b"".join([chunk async for chunk in form.chunks(body())])


@given(st.lists(st.integers(0, len(BODY)), max_size=8))
def test_a_form_reads_the_same_however_it_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(BODY)]
    form = FileForm(b"XX")
    data = asyncio.run(read(form, (BODY[a:b] for a, b in pairwise(edges))))
    assert (data, form.filename, form.declared, form.fields) == (b"one\r\ntwo", "a.txt", "text/csv", {"alt": "A chair"})


@given(st.integers(0, len(BODY)), st.binary(min_size=1, max_size=6))
def test_a_damaged_form_is_read_or_refused_and_never_fails(at: int, damage: bytes) -> None:
    with suppress(BadRequest, Invalid):
        asyncio.run(read(FileForm(b"XX"), [BODY[:at] + damage + BODY[at + len(damage) :]]))


@given(st.integers(0, len(BODY) - len(b"--\r\nepilogue") - 1))
def test_a_form_cut_short_is_refused(at: int) -> None:
    with pytest.raises(BadRequest):
        asyncio.run(read(FileForm(b"XX"), [BODY[:at]]))


@pytest.mark.parametrize("boundary", [b"", b"x" * 300])
def test_a_boundary_is_needed(boundary: bytes) -> None:
    with pytest.raises(BadRequest):
        FileForm(boundary)
