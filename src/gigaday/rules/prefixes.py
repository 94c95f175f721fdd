"""The range of texts that begin with a prefix, in the order of code points (which is that of UTF-8's bytes)."""

_LAST = "\U0010ffff"


def beyond(prefix: str) -> str | None:
    """The least text greater than all that begin with `prefix`; None where there is none."""
    head = prefix.rstrip(_LAST)
    if not head:
        return None
    following = ord(head[-1]) + 1
    # Surrogates are no characters of their own: after U+D7FF comes U+E000.
    return head[:-1] + chr(0xE000 if following == 0xD800 else following)
