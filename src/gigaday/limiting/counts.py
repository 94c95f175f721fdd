"""How requests were decided, in plain integers that an exporter reads when it is scraped."""

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Decisions by how they came about; each request counts in exactly one of them."""

    leased: int = 0
    """Admitted from tokens in hand, without waiting."""
    exact: int = 0
    """Admitted after a round trip."""
    denied: int = 0
    """Refused by the shared bucket, or by what was remembered of it."""
    shared_in: int = 0
    """Admitted out of the local share, the shared buckets being down."""
    closed: int = 0
    """Refused beyond the local share."""

    round_trips: int = 0
    """Calls of the shared buckets."""
    failures: int = 0
    """Those that found them down."""
    unshared_tokens: int = 0
    """Tokens admitted that no shared bucket gave: an upper estimate of the over-admission."""

    @property
    def decisions(self) -> int:
        return self.leased + self.exact + self.denied + self.shared_in + self.closed

    @property
    def fallbacks(self) -> int:
        return self.shared_in + self.closed
