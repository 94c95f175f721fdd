from gigaday.api.idempotency import Idempotency
from gigaday.api.router import Router, no_such_path
from gigaday.api.traits import Traits


def test_what_is_outside_the_api_is_public():
    traits = Traits(Router([], Idempotency(None, None), lambda: "", no_such_path), 1)
    assert traits.public("/livez") and traits.public("/docs/errors/invalid")
    assert not traits.public("/api/v1/products")


def test_what_is_delivered_needs_no_token_but_has_a_limit():
    traits = Traits(Router([], Idempotency(None, None), lambda: "", no_such_path), 1)
    for path in ("/files/acme/m/s/a.png", "/api/v1/public/acme/products"):
        assert traits.delivered(path) and not traits.public(path)
        assert traits.priority("GET", path) == "read", "it is shed as what it is"
    assert not traits.delivered("/api/v1/products") and not traits.delivered("/api/v1/publicity")
