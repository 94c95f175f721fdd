"""A purge returns once everybody has it, or says who has not; a tag that is none is refused."""

from collections.abc import Sequence

import pytest

from gigaday.contracts import Collection
from gigaday.errors import BackendDown, BadRequest
from gigaday.ops.cache import Purge, checked, outstanding, purge_cdn, tenant_of
from tests.clocks import HandClock

KNOWN = [Collection("products"), Collection("media"), Collection("tokens", tenanted=False)]


class Nodes:
    """The stream and the shared cache: `events` says what was asked of them, in order. Each number of seconds is how
    long something takes by `clock`; None is for ever."""

    def __init__(self, clock: HandClock) -> None:
        self.clock, self.began = clock, clock.time
        self.events: list[str] = []
        self.settles: float | None = 1.0
        self.shares: float | None = 0.0
        self.answers = True

    @property
    def settled(self) -> bool:
        return self.settles is not None and self.clock.time >= self.began + self.settles

    async def start(self) -> None:
        self.events.append("start")

    async def spread(self, receipt: str, within: float) -> tuple[int, float]:
        self.events.append(f"spread {receipt}")
        if not self.answers:
            raise TimeoutError
        self.clock.time += 0.25
        return 4, 0.25

    def believed(self, tags: Sequence[str]) -> bool:
        return self.shares is not None and self.clock.time >= self.began + self.shares

    async def invalidate(self, tags: Sequence[str], *, urgent: bool = False) -> str:
        assert urgent
        assert self.settled
        self.events.append(f"invalidate {' '.join(tags)}")
        return "receipt"

    async def sleep(self, seconds: float) -> None:
        self.clock.time += seconds


@pytest.fixture
def nodes(clock: HandClock) -> Nodes:
    return Nodes(clock)


@pytest.fixture
def purge(clock: HandClock, nodes: Nodes) -> Purge[str]:
    return Purge(nodes, nodes, clock, sleep=nodes.sleep)


async def test_the_receipt_counts_the_other_nodes_and_the_time_that_it_took_them(
    purge: Purge[str], nodes: Nodes
) -> None:
    receipt = await purge.purge(["acme"])
    assert receipt is not None
    assert (receipt.tags, receipt.nodes, receipt.milliseconds) == (("acme",), 3, 250.0)
    assert nodes.events == ["start", "invalidate acme", "spread receipt"]


async def test_nothing_is_purged_before_all_nodes_have_been_heard(purge: Purge[str], nodes: Nodes) -> None:
    nodes.settles = None
    with pytest.raises(BackendDown, match="nothing was purged"):
        await purge.purge(["acme"])
    assert nodes.events == ["start"]


async def test_a_shared_cache_that_comes_back_in_time_is_waited_for(purge: Purge[str], nodes: Nodes) -> None:
    nodes.shares = 4.0
    assert await purge.purge(["acme"]) is not None


async def test_a_shared_cache_that_was_not_reached_is_told(purge: Purge[str], nodes: Nodes) -> None:
    nodes.shares = None
    with pytest.raises(BackendDown, match="shared cache was not reached"):
        await purge.purge(["acme"])


async def test_a_node_that_does_not_acknowledge_is_told(purge: Purge[str], nodes: Nodes) -> None:
    nodes.answers = False
    with pytest.raises(BackendDown, match="not every node"):
        await purge.purge(["acme"])


async def test_where_nothing_is_shared_nothing_is_done(clock: HandClock, nodes: Nodes) -> None:
    assert await Purge(nodes, None, clock).purge(["acme"]) is None
    assert nodes.events == []


@pytest.mark.parametrize("tag", ["acme", "acme/products", "acme/products/", "acme/products/01hx", "operator/tokens/a1"])
def test_tags_are_taken_as_they_are(tag: str) -> None:
    assert checked(tag, KNOWN) == tag


@pytest.mark.parametrize("tag", ["", "*", "Acme", "acme products", "acme/products/1/2", "acme/products/../x", "acme\n"])
def test_junk_is_refused_with_what_a_tag_looks_like(tag: str) -> None:
    with pytest.raises(BadRequest, match="acme/products"):
        checked(tag, KNOWN)


@pytest.mark.parametrize(
    ("tag", "hint"), [("acme/prodcts", "acme/products"), ("acme/tokens", "media"), ("operator/products", "tokens")]
)
def test_what_nothing_is_cached_under_is_refused_with_what_is(tag: str, hint: str) -> None:
    with pytest.raises(BadRequest, match=hint):
        checked(tag, KNOWN)


def test_only_a_tenants_tag_names_a_tenant() -> None:
    assert [tenant_of(tag) for tag in ("acme/products", "operator/tokens", "*")] == ["acme", None, None]


@pytest.mark.parametrize(("paid_after", "left"), [(0, ()), (3, ()), (99, ("acme",))])
async def test_what_is_owed_is_waited_for_but_not_for_ever(paid_after: int, left: tuple[str, ...]) -> None:
    waits = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    def owed() -> Sequence[str]:
        return () if len(waits) >= paid_after else ("acme",)

    assert await outstanding(owed, attempts=10, sleep=sleep) == left
    assert len(waits) == min(paid_after, 10)


async def test_a_cdn_that_was_not_reached_is_told_with_what_it_means() -> None:
    asked: list[Sequence[str]] = []

    async def down(names: Sequence[str]) -> None:
        asked.append(names)
        raise BackendDown("it does not answer")

    with pytest.raises(BackendDown, match="CDN was not: it does not answer"):
        await purge_cdn(down, ["acme"])
    assert asked == [["acme"]]
