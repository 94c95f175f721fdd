import hashlib

from gigaday.ops.upload_digests import Digests


def test_a_digest_goes_on_where_the_upload_has_come_to():
    digests = Digests()
    first = digests.at("a", 0)
    first.update(b"one")
    digests.keep("a", 3, first)
    second = digests.at("a", 3)
    second.update(b"two")
    assert second.hexdigest() == hashlib.sha256(b"onetwo").hexdigest()
    # What a chunk that was discarded has added is not in what is kept.
    assert digests.at("a", 3).hexdigest() == hashlib.sha256(b"one").hexdigest()


def test_nothing_is_known_of_bytes_that_another_process_has_seen():
    digests = Digests()
    assert digests.at("a", 3) is None
    digests.keep("a", 3, digests.at("a", 0))
    assert digests.at("a", 4) is None
    digests.keep("a", 7, None)
    assert digests.at("a", 3) is None


def test_those_that_nobody_goes_on_with_are_forgotten():
    digests = Digests(most=2)
    for id in ("a", "b", "c"):
        digests.keep(id, 1, digests.at(id, 0))
    assert digests.at("a", 1) is None
    assert digests.at("b", 1) is not None
    digests.forget("b")
    assert digests.at("b", 1) is None
