from gigaday.edge.asgi import first, joined, values

SCOPE = {"headers": [(b"a", b"1"), (b"b", b"\xff"), (b"a", b"2")]}


def test_reads_headers_that_repeat() -> None:
    assert first(SCOPE, b"a") == "1"
    assert values(SCOPE, b"a") == ["1", "2"]
    assert joined(SCOPE, b"a") == "1, 2"


def test_reads_any_byte_and_nothing() -> None:
    assert first(SCOPE, b"b") == "\xff"
    assert (first(SCOPE, b"c"), joined(SCOPE, b"c")) == ("", "")
