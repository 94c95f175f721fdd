"""Content negotiation of encodings (RFC 9110 section 12.5.3), and which answers are worth encoding."""

import re
from collections.abc import Sequence
from functools import lru_cache

IDENTITY = ""
SMALLEST = 512
"""Below this many bytes, encoding saves no packet and costs both sides time."""

_LONGEST = 1_000
_QVALUE = re.compile(r"0(?:\.\d{0,3})?|1(?:\.0{0,3})?", re.ASCII)
_TYPES = frozenset(("application/json", "application/xml", "application/javascript", "application/yaml"))


def choose(accept: str, offered: Sequence[str]) -> str:
    """The best of `offered` (in our order of preference) that the header `accept` admits, else IDENTITY.

    Equal weights fall to our preference; identity is chosen over an encoding only where the client weighs it higher.
    What is malformed is passed over, and what lies beyond 1,000 characters is not read.
    """
    return _chosen(accept[:_LONGEST], tuple(offered))


@lru_cache(maxsize=1_024)
def _chosen(accept: str, offered: tuple[str, ...]) -> str:
    weights = _weights(accept)
    rest = weights.get("*", 0.0)
    best, best_weight = IDENTITY, weights.get("identity", 0.0)
    for name in offered:
        weight = weights.get(name, rest)
        if weight > 0 and (weight > best_weight or (best == IDENTITY and weight == best_weight)):
            best, best_weight = name, weight
    return best


def compressible(content_type: str) -> bool:
    """Whether a media type is text that encoding makes smaller."""
    bare = content_type.partition(";")[0].strip().lower()
    return bare.startswith("text/") or bare in _TYPES or bare.endswith(("+json", "+xml"))


def _weights(accept: str) -> dict[str, float]:
    weights: dict[str, float] = {}
    for item in accept.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        weight = _weight(parameters)
        if name and weight is not None:
            weights["gzip" if name == "x-gzip" else name] = weight
    return weights


def _weight(parameters: Sequence[str]) -> float | None:
    """The q of one item, 1 where it has none; None where it is malformed."""
    if not parameters:
        return 1.0
    name, _, value = parameters[0].partition("=")
    if len(parameters) > 1 or name != "q" or not _QVALUE.fullmatch(value):
        return None
    return float(value)
