from gigaday.rules import secrets

RANDOM = bytes(range(secrets.RANDOM_BYTES))


def test_a_token_is_found_by_its_public_prefix():
    made = secrets.make("live", RANDOM)
    assert made.text.startswith(f"gd_live_{made.id}")
    assert secrets.id_of(made.text) == made.id


def test_a_typo_is_seen_without_asking_anyone():
    text = secrets.make("live", RANDOM).text
    for at in range(len("gd_live_"), len(text)):
        other = "1" if text[at] != "1" else "2"
        assert secrets.id_of(text[:at] + other + text[at + 1 :]) is None


def test_other_texts_are_no_tokens():
    for text in ("", "gd_", "gd_live_", "Bearer x", "gd_live_" + "é" * 59):
        assert secrets.id_of(text) is None


def test_the_secret_part_holds_at_least_160_random_bits():
    texts = {secrets.make("live", (1 << bit).to_bytes(secrets.RANDOM_BYTES, "big")).text for bit in range(60, 260)}
    assert len(texts) == 200


def test_the_digest_depends_on_the_pepper():
    assert secrets.digest("t", b"one") != secrets.digest("t", b"two")
    assert secrets.same(secrets.digest("t", b"one"), secrets.digest("t", b"one"))
