import pytest

from gigaday.edge.cors import Stage
from gigaday.errors import NotFound

HOST = ("host", "example.test")


async def answering(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"vary", b"Accept-Encoding")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def never(scope, receive, send):
    raise NotFound("this must not be asked")


def preflight(origin):
    return (HOST, ("origin", origin), ("access-control-request-method", "PATCH"))


async def test_a_page_of_an_allowed_origin_may_read_the_answer(call):
    stage = Stage(answering, origins=["https://shop.test"])
    answer = await call(stage, headers=(HOST, ("origin", "https://shop.test")))
    assert answer.get("access-control-allow-origin") == "https://shop.test"
    exposed = answer.get("access-control-expose-headers") or ""
    assert {"Location", "Upload-Offset", "RateLimit", "Retry-After"} <= {name.strip() for name in exposed.split(",")}
    assert answer.get("access-control-allow-credentials") is None


@pytest.mark.parametrize("origin", ["https://evil.test", "http://shop.test", "https://shop.test.evil.test", "null"])
async def test_one_of_another_may_not(call, origin):
    stage = Stage(answering, origins=["https://shop.test"])
    answer = await call(stage, headers=(HOST, ("origin", origin)))
    assert (answer.status, answer.get("access-control-allow-origin")) == (200, None)
    # A cache must not hand this to a page that may.
    assert ("vary", "Origin") in answer.headers


async def test_a_preflight_is_answered_at_once(call):
    answer = await call(Stage(never, origins=["https://shop.test"]), "OPTIONS", headers=preflight("https://shop.test"))
    assert answer.status == 204
    assert "PATCH" in (answer.get("access-control-allow-methods") or "")
    allowed = (answer.get("access-control-allow-headers") or "").lower()
    assert {"authorization", "upload-offset", "tus-resumable"} <= {name.strip() for name in allowed.split(",")}


async def test_a_preflight_of_another_origin_is_an_options_like_any_other(call):
    answer = await call(Stage(answering, origins=["https://shop.test"]), "OPTIONS", headers=preflight("https://a.test"))
    assert (answer.body, answer.get("access-control-allow-origin")) == (b"ok", None)


async def test_any_origin_can_be_allowed(call):
    stage = Stage(answering, origins=["*"])
    assert (await call(stage, headers=(HOST, ("origin", "https://a.test")))).get("access-control-allow-origin") == "*"
    assert (await call(stage)).get("access-control-allow-origin") is None


async def test_what_is_for_pages_of_any_origin_by_itself_is_left_as_it_is(call, replying):
    app = replying(headers=[("access-control-allow-origin", "*")])
    answer = await call(Stage(app, origins=["https://shop.test"]), headers=(HOST, ("origin", "https://shop.test")))
    assert answer.headers == [("access-control-allow-origin", "*")]
