from gigaday.model.token import readable


def test_what_is_published_may_read_but_not_tokens():
    assert readable(["products:read", "products:write", "tokens:read", "media:read"]) == ("products:read", "media:read")
