"""What a node tells the others: what it has invalidated, and that it lives."""

import msgspec

from gigaday.errors import BackendError


class BadAnnouncement(BackendError):
    """Something on the bus that this version does not understand."""


class Announcement(msgspec.Struct, frozen=True, array_like=True):
    """`seq` counts the announcements of `node` that carried tags, this one included; `sent` is on the sender's own
    monotonic clock. `owed` are the tags that the shared cache has not confirmed, `acks` the last `seq` that the sender
    has processed of each publisher."""

    node: str
    seq: int
    sent: float
    tags: tuple[str, ...] = ()
    owed: tuple[str, ...] = ()
    acks: dict[str, int] = {}
    urgent: bool = False
    leaving: bool = False


class Receipt(msgspec.Struct, frozen=True):
    """Names an invalidation: the node that announced it and its place in that node's sequence."""

    node: str = ""
    seq: int = 0

    @property
    def token(self) -> str:
        """As clients pass it on; empty where there is nobody to tell."""
        return f"{self.node}.{self.seq}" if self.node else ""


def parse(token: str) -> Receipt | None:
    """The receipt that a token names, or None where it is none."""
    node, dot, seq = token.rpartition(".")
    if not dot or not node or len(token) > 80 or not (seq.isascii() and seq.isdigit()):
        return None
    return Receipt(node, int(seq))


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Announcement)


def encode(announcement: Announcement) -> bytes:
    return _ENCODER.encode(announcement)


def decode(raw: bytes) -> Announcement:
    """Raises BadAnnouncement."""
    try:
        return _DECODER.decode(raw)
    except msgspec.DecodeError as error:
        raise BadAnnouncement(str(error)) from error
