from gigaday.api.idempotency import Idempotency
from gigaday.api.router import Router, no_such_path
from gigaday.api.traits import Traits


def test_what_is_outside_the_api_is_public():
    traits = Traits(Router([], Idempotency(None, None), lambda: "", no_such_path), 1)
    assert traits.public("/livez") and traits.public("/docs/errors/invalid")
    assert not traits.public("/api/v1/products")
