"""What a scrape reads."""

from prometheus_client.parser import text_string_to_metric_families

from gigaday.ops.metrics import Exposition, Family, Histogram


def samples(exposition: Exposition) -> dict[tuple[str, ...], float]:
    body, _ = exposition.text("text/plain")
    families = text_string_to_metric_families(body.decode())
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_counters_and_gauges_are_read_when_they_are_scraped() -> None:
    seen = {("200",): 3.0}
    exposition = Exposition([
        Family("counter", "requests", "Requests answered.", lambda: seen, ("status",)),
        Family("gauge", "in_flight", "Requests in flight.", lambda: {(): 2.0}),
    ])  # fmt: skip
    assert samples(exposition) == {("requests_total", "200"): 3.0, ("in_flight",): 2.0}
    seen[("503",)] = 1.0
    assert samples(exposition)[("requests_total", "503")] == 1.0


def test_a_histogram_s_buckets_add_up() -> None:
    exposition = Exposition([Histogram("seconds", "Time.", (0.1, 1.0), lambda: ([5, 3, 2], 4.5))])
    assert samples(exposition) == {
        ("seconds_bucket", "0.1"): 5, ("seconds_bucket", "1.0"): 8, ("seconds_bucket", "+Inf"): 10,
        ("seconds_count",): 10, ("seconds_sum",): 4.5,
    }  # fmt: skip


def test_openmetrics_is_told_to_whoever_asks_for_it() -> None:
    body, content_type = Exposition([]).text("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")
