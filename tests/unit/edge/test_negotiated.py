import zlib
from typing import Any

import pytest
import zstandard

from gigaday.edge.asgi import App, Receive, Scope, Send
from gigaday.edge.negotiated import Negotiated

BODY = b'{"data": "' + b"abc " * 500 + b'"}'
JSON = ("content-type", "application/json")
ETAG = ("etag", '"abc"')
ZSTD = ("accept-encoding", "zstd")


def negotiating(origin: App) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await origin(scope, receive, Negotiated(scope, send).send)

    return app


@pytest.fixture
def app(replying: Any) -> Any:
    return negotiating(replying(BODY, headers=[JSON, ETAG, ("cache-control", "private"), ("x-other", "1")]))


async def test_answers_plainly_without_accept_encoding(call: Any, app: Any) -> None:
    answer = await call(app)
    assert (answer.status, answer.body, answer.get("etag")) == (200, BODY, '"abc"')
    assert answer.get("content-encoding") is None
    assert answer.get("vary") == "Accept-Encoding, Authorization, X-API-Key"
    assert answer.get("content-length") == str(len(BODY))
    assert answer.get("cache-status") == "gigaday; fwd=bypass; fwd-status=200"


async def test_encodes_with_a_tag_of_its_own(call: Any, app: Any) -> None:
    answer = await call(app, headers=[ZSTD])
    assert (answer.get("content-encoding"), answer.get("etag")) == ("zstd", '"abc-zstd"')
    assert zstandard.decompress(answer.body) == BODY
    assert answer.get("content-length") == str(len(answer.body))
    assert [name for name, _ in answer.headers].count("etag") == 1


async def test_honours_weights(call: Any, app: Any) -> None:
    answer = await call(app, headers=[("accept-encoding", "zstd;q=0.1, gzip, br;q=0")])
    assert zlib.decompress(answer.body, wbits=31) == BODY


@pytest.mark.parametrize("asked", ['"abc"', 'W/"abc"', '"x", "abc"', "*", 'junk,, "abc"'])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_client_that_holds_the_version_gets_304(call: Any, app: Any, asked: str, method: str) -> None:
    answer = await call(app, method, headers=[("if-none-match", asked)])
    assert (answer.status, answer.body, answer.get("etag")) == (304, b"", '"abc"')
    assert answer.get("cache-control") == "private"
    assert answer.get("vary") == "Accept-Encoding, Authorization, X-API-Key"
    assert answer.get("content-length") is None and answer.get("content-type") is None


async def test_each_encoding_is_matched_by_its_own_tag(call: Any, app: Any) -> None:
    held = await call(app, headers=[ZSTD, ("if-none-match", '"abc-zstd"')])
    assert (held.status, held.get("etag")) == (304, '"abc-zstd"')
    assert (await call(app, headers=[ZSTD, ("if-none-match", '"abc"')])).status == 200
    assert (await call(app, headers=[("if-none-match", '"abc-zstd"')])).status == 200


async def test_a_write_is_never_304(call: Any, app: Any) -> None:
    answer = await call(app, "POST", headers=[("if-none-match", "*")])
    assert answer.status == 200
    assert answer.get("cache-status") == "gigaday; fwd=method; fwd-status=200"


async def test_an_error_is_never_304(call: Any, replying: Any) -> None:
    app = negotiating(replying(BODY, status=404, headers=[JSON, ETAG]))
    assert (await call(app, headers=[("if-none-match", "*")])).status == 404


async def test_head_has_the_headers_of_get(call: Any, app: Any) -> None:
    get, head = await call(app, headers=[ZSTD]), await call(app, "HEAD", headers=[ZSTD])
    assert head.headers == get.headers
    assert (head.body, head.ended) == (b"", True)


async def test_head_keeps_the_length_a_handler_said(call: Any, replying: Any) -> None:
    app = negotiating(replying(b"", headers=[("content-type", "image/png"), ("content-length", "12345")]))
    assert (await call(app, "HEAD")).get("content-length") == "12345"


async def test_head_of_a_stream_has_no_body(call: Any, replying: Any) -> None:
    answer = await call(negotiating(replying(b"a" * 600, b"b" * 600, b"c")), "HEAD")
    assert (answer.body, answer.ended) == (b"", True)


@pytest.mark.parametrize(
    "headers",
    [
        [("content-type", "image/png")],
        [("content-type", "application/zip")],
        [JSON, ("content-encoding", "br")],
        [JSON, ("cache-control", "no-transform")],
        [("content-type", "text/plain"), ("accept-ranges", "bytes")],
        [("content-type", "text/plain"), ("content-range", "bytes 0-9/20")],
        [],
    ],
)
async def test_leaves_what_must_not_be_encoded(call: Any, replying: Any, headers: Any) -> None:
    answer = await call(negotiating(replying(BODY, headers=headers)), headers=[ZSTD])
    assert answer.body == BODY


async def test_leaves_small_answers_parts_and_streams(call: Any, replying: Any) -> None:
    assert (await call(negotiating(replying(b"x" * 511)), headers=[ZSTD])).body == b"x" * 511
    assert (await call(negotiating(replying(BODY, status=206)), headers=[ZSTD])).body == BODY
    streamed = await call(negotiating(replying(BODY, BODY)), headers=[ZSTD])
    assert (streamed.body, streamed.get("content-encoding")) == (BODY * 2, None)


async def test_encodes_large_answers_too(call: Any, replying: Any) -> None:
    answer = await call(negotiating(replying(BODY * 200)), headers=[ZSTD])
    assert zstandard.decompress(answer.body) == BODY * 200


async def test_204_gets_no_length(call: Any, replying: Any) -> None:
    answer = await call(negotiating(replying(b"", status=204, headers=[])), "DELETE")
    assert (answer.status, answer.get("content-length")) == (204, None)


async def test_adds_to_what_the_origin_said(call: Any, replying: Any) -> None:
    origin = replying(headers=[JSON, ("Vary", "Origin, authorization"), ("Cache-Status", "gigaday; hit")])
    answer = await call(negotiating(origin))
    assert answer.get("vary") == "Origin, authorization, Accept-Encoding, X-API-Key"
    assert answer.get("cache-status") == "gigaday; hit"
    assert (await call(negotiating(replying(headers=[JSON, ("vary", "*")])))).get("vary") == "*"


@pytest.mark.parametrize("name", ["accept-encoding", "if-none-match"])
@pytest.mark.parametrize("value", ['"' * 16_000, "zstd;q=" + "9" * 15_000, "," * 16_000, "W/" * 8_000, "\x00\xff;;=="])
async def test_junk_is_answered_plainly(call: Any, app: Any, name: str, value: str) -> None:
    answer = await call(app, headers=[(name, value)])
    assert (answer.status, answer.body) == (200, BODY)
