from gigaday.contracts import OPERATOR, Insert
from gigaday.errors import BackendDown
from gigaday.model.tenant import TENANTS
from gigaday.ops import reaping
from gigaday.ops.reaping import MOST_STEPS, ROUND_SECONDS, Rounds
from gigaday.rules import ids
from gigaday.rules.storage_keys import storage_key
from tests.unit.ops.kept_media import DAY, TENANT


async def add_tenants(kept, *names: str) -> None:
    documents = [Insert({"_id": name, "createdBy": OPERATOR, "version": 1}) for name in names]
    await kept.documents.write(TENANTS, OPERATOR, documents)


async def orphans(kept, tenant: str = TENANT, count: int = 1) -> list[str]:
    keys = [storage_key(tenant, kept.new_id()) for _ in range(count)]
    return [kept.aged(await kept.stored(b"orphan", key), 2 * DAY) for key in keys]


def rounds(kept, reaper=None) -> Rounds:
    return Rounds(kept.documents, kept.clock, reaper or kept.reaper)


async def test_tenants_are_told_to_the_last(kept):
    names = [f"t{number:03}" for number in range(250)]
    await add_tenants(kept, *names)
    assert [name async for name in reaping.tenants(kept.documents)] == [TENANT, *names]


async def test_a_round_deletes_what_a_whole_run_would(kept):
    await add_tenants(kept, "other")
    expected = {*(await orphans(kept, count=40)), *(await orphans(kept, "other"))}
    medium = await kept.uploaded(b"needed")
    assert {gone.key for gone in await rounds(kept).round()} == expected
    assert kept.keys() == {medium["storageKey"]}


async def test_of_all_nodes_one_does_a_round_and_then_none_for_a_while(kept):
    nodes = [rounds(kept), rounds(kept)]
    await orphans(kept)
    assert len(await nodes[0].round()) == 1
    await orphans(kept)
    assert await nodes[1].round() == []
    kept.clock.time += ROUND_SECONDS
    assert len(await nodes[1].round()) == 1


async def test_a_round_goes_on_where_the_last_one_has_come_to(kept):
    names = [f"t{number:02}" for number in range(2 * MOST_STEPS // len(ids.ALPHABET))]
    await add_tenants(kept, *names)
    last = await orphans(kept, names[-1])
    assert await rounds(kept).round() == []
    for _ in range(2):
        kept.clock.time += ROUND_SECONDS
        await rounds(kept).round()
    assert kept.keys() == set()
    again = await orphans(kept)
    kept.clock.time += ROUND_SECONDS
    assert {gone.key for gone in await rounds(kept).round()} == set(again), last


async def test_what_fails_keeps_no_round_from_what_comes_after_it(kept):
    await add_tenants(kept, "other")
    await orphans(kept)
    await orphans(kept, "other")

    class Failing:
        def __init__(self, reaper):
            self._reaper = reaper
            self.growths, self.variants, self.records = reaper.growths, reaper.variants, reaper.records

        async def orphans(self, within):
            async for gone in self._reaper.orphans(within):
                if gone.tenant == TENANT:
                    raise BackendDown("just this one")
                yield gone

    failing = rounds(kept, lambda: Failing(kept.reaper(dry=True)))
    seen = []
    for _ in range(3):
        kept.clock.time += ROUND_SECONDS
        try:
            seen += await failing.round()
        except BackendDown:
            seen.append(None)
    assert seen[0] is None
    assert {gone.tenant for gone in seen if gone} == {"other"}
