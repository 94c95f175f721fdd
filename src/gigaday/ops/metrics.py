"""What a node tells Prometheus: families declared over plain integers, which are read only when somebody scrapes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

Labelled = Mapping[tuple[str, ...], float]
"""The values of a family's labels, in their order, and the value."""


class Family(NamedTuple):
    """Values by label. A counter's name is told with `_total` behind it."""

    kind: Literal["counter", "gauge"]
    name: str
    help: str
    read: Callable[[], Labelled]
    labels: tuple[str, ...] = ()


class Histogram(NamedTuple):
    """`read` gives how many fell into each bucket (one more than there are `bounds`) and their sum."""

    name: str
    help: str
    bounds: tuple[float, ...]
    read: Callable[[], tuple[Sequence[int], float]]


class Exposition:
    """All families of one process, as text."""

    def __init__(self, families: Sequence[Family | Histogram]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_Families(families))

    def text(self, accept: str) -> tuple[bytes, str]:
        """The body and its content type: OpenMetrics where it is asked for, else Prometheus' own text."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type


class _Families(Collector):
    def __init__(self, families: Sequence[Family | Histogram]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            yield _histogram(family) if isinstance(family, Histogram) else _plain(family)


def _plain(family: Family) -> Metric:
    made = (CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily)(
        family.name, family.help, labels=family.labels
    )
    for labels, value in family.read().items():
        made.add_metric(labels, value)
    return made


def _histogram(family: Histogram) -> Metric:
    counts, total = family.read()
    buckets, below = [], 0
    for bound, count in zip((*map(str, family.bounds), "+Inf"), counts, strict=True):
        below += count
        buckets.append((bound, below))
    made = HistogramMetricFamily(family.name, family.help)
    made.add_metric((), buckets, total)
    return made
