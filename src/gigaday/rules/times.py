"""Times as stored and answered: UTC, to the millisecond, of fixed width, so that they sort as text."""

import re
from datetime import UTC, datetime

PATTERN = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$"
_SHAPE = re.compile(PATTERN)


def text(seconds: float) -> str:
    """Epoch seconds as `2026-11-24T10:33:32.123Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(value: str) -> float:
    """Epoch seconds of a time in the stored form."""
    return datetime.fromisoformat(value).timestamp()


def parse(value: str) -> str:
    """Any RFC 3339 time or date in the stored form. Raises ValueError."""
    moment = datetime.fromisoformat(value)
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_time(value: str) -> bool:
    """Whether `value` is in the stored form."""
    return _SHAPE.fullmatch(value) is not None
