"""Times as HTTP writes them: `Tue, 24 Nov 2026 10:33:32 GMT`."""

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime


def from_time(stored: str) -> str:
    """The HTTP date of a stored time, cut to the second."""
    return format_datetime(datetime.fromisoformat(stored).astimezone(UTC), usegmt=True)


def is_unchanged(since: str, last_modified: str) -> bool:
    """Whether `last_modified` is no later than an If-Modified-Since of `since`; a malformed date counts as absent."""
    try:
        return _parse(last_modified) <= _parse(since)
    except (ValueError, OverflowError):
        return False


def _parse(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
