"""The factory that the server's workers call."""

from gigaday import asgi


def test_each_call_makes_an_app_of_its_own() -> None:
    first, second = asgi.create(), asgi.create()
    assert callable(first)
    assert first is not second
