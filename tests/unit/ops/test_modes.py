import pytest

from gigaday.backends.sqlite import SqliteStore
from gigaday.contracts import OPERATOR, Insert
from gigaday.errors import BackendDown, BadRequest, Conflict
from gigaday.model.mode import FLEET, NORMAL, Setting, of_level
from gigaday.ops.mode_file import ModeFile
from gigaday.ops.modes import MODES, Modes


class Outages:
    """What the database brings by itself."""

    def __init__(self):
        self.down = NORMAL

    def mode(self):
        return self.down

    def causes(self):
        return [] if self.down == NORMAL else ["database writes"]


class Store(SqliteStore):
    """Fails while it is told to."""

    down = False

    async def page(self, *asked):
        if self.down:
            raise BackendDown("gone")
        return await super().page(*asked)


@pytest.fixture
async def store(tmp_path):
    store = Store.open(tmp_path / "m.sqlite")
    await store.prepare([MODES])
    yield store
    await store.close()


@pytest.fixture
def file(tmp_path):
    return ModeFile(tmp_path / "modes.json")


@pytest.fixture
def outages():
    return Outages()


@pytest.fixture
def modes(store, clock, file, outages):
    return Modes(store, clock, file, outages)


async def test_all_is_normal_where_nothing_is_set(modes):
    await modes.refresh()
    assert (modes.of(""), modes.of("acme"), modes.causes()) == (NORMAL, NORMAL, [])


async def test_what_one_node_sets_another_heeds_after_its_next_look(modes, store, clock):
    other = Modes(store, clock)
    await modes.change(FLEET, {"level": "read_only", "limits": 0.5}, by="ann", reason="moving house")
    assert other.of("acme") == NORMAL
    await other.refresh()
    assert (other.of("acme").level, other.of("").limits) == ("read_only", 0.5)
    assert other.causes() == ["set by an operator: moving house"]  # everybody reads it


async def test_a_tenants_mode_is_its_own_and_adds_to_that_of_all(modes):
    await modes.change("tenant:acme", {"level": "read_only"}, by="ann")
    assert (modes.of("acme").level, modes.of("other").level, modes.of("").level) == ("read_only", "normal", "normal")
    await modes.change(FLEET, {"level": "shed"}, by="ann")
    assert modes.of("acme").levels == {"read_only", "shed"}


async def test_what_is_set_for_a_while_ends_by_itself(modes, clock):
    await modes.change(FLEET, {"level": "shed"}, by="ann", seconds=600)
    clock.time += 599
    await modes.refresh()
    assert modes.of("").level == "shed"
    clock.time += 2
    await modes.refresh()
    assert (modes.of("").level, await modes.show()) == ("normal", [])


async def test_what_outages_bring_is_added_at_once(modes, outages):
    await modes.change(FLEET, {"level": "shed"}, by="ann")
    outages.down = of_level("read_only")
    assert modes.of("acme").levels == {"shed", "read_only"}
    assert modes.causes() == ["database writes down", "set by an operator"]


async def test_while_the_database_is_down_what_was_set_stays_and_the_file_is_heeded(modes, store, file):
    await modes.change("tenant:acme", {"level": "read_only"}, by="ann")
    store.down = True
    file.put(Setting(FLEET, "shed"))
    with pytest.raises(BackendDown):
        await modes.refresh()
    assert (modes.of("acme").levels, modes.of("").level) == ({"read_only", "shed"}, "shed")


async def test_a_file_that_is_wrong_keeps_no_node_from_following_the_fleet(modes, store, clock, tmp_path):
    await Modes(store, clock).change(FLEET, {"level": "shed"}, by="ann")
    (tmp_path / "modes.json").write_text("{")
    with pytest.raises(BadRequest):
        await modes.refresh()
    assert modes.of("").level == "shed"


async def test_a_mode_of_another_version_leaves_what_was_known(modes, store):
    await modes.change("tenant:acme", {"level": "shed"}, by="ann")
    strange = {"_id": FLEET, "createdBy": OPERATOR, "version": 1, "level": "panic"}
    assert await store.write(MODES, OPERATOR, [Insert(strange)]) == ["applied"]
    with pytest.raises(BadRequest, match="fleet"):
        await modes.refresh()
    assert modes.of("acme").level == "shed"


@pytest.mark.parametrize("seconds", [0, -60, 1e10, 1e20, float("nan")])
async def test_a_mode_that_would_be_over_at_once_or_never_is_refused(modes, seconds):
    with pytest.raises(BadRequest, match="year"):
        await modes.change(FLEET, {"level": "shed"}, by="ann", seconds=seconds)


async def test_a_change_leaves_the_rest_as_it_was_and_can_be_undone(modes):
    await modes.change(FLEET, {"lifetimes": 4.0}, by="ann")
    before = await modes.get(FLEET)
    after = await modes.change(FLEET, {"level": "shed"}, by="bob", expected=before.revision)
    assert (after.lifetimes, after.level, after.by) == (4.0, "shed", "bob")
    await modes.put(before, expected=after.revision)
    assert (modes.of("").lifetimes, modes.of("").level) == (4.0, "normal")


async def test_who_expects_another_revision_is_refused(modes):
    await modes.change(FLEET, {"level": "shed"}, by="ann", expected=0)
    with pytest.raises(Conflict):
        await modes.change(FLEET, {"level": "read_only"}, by="bob", expected=0)
    with pytest.raises(Conflict):
        await modes.clear(FLEET, expected=7)
    assert modes.of("").level == "shed"


async def test_cleared_is_normal_again(modes):
    for scope in (FLEET, "tenant:acme"):
        await modes.change(scope, {"level": "shed"}, by="ann")
        await modes.clear(scope)
        await modes.clear(scope)
    assert (modes.of("acme"), await modes.show()) == (NORMAL, [])


async def test_every_switch_of_the_cache_is_counted_even_through_a_clearing(modes):
    seen = []
    modes.follow(lambda now: seen.append((now.fleet.cache, now.cache_epoch)))
    await modes.change(FLEET, {"cache": "backup"}, by="ann")
    await modes.change(FLEET, {"level": "shed"}, by="ann")
    await modes.clear(FLEET)
    await modes.change(FLEET, {"cache": "off"}, by="ann")
    assert list(dict.fromkeys(seen)) == [("primary", 0), ("backup", 1), ("primary", 2), ("off", 3)]


@pytest.mark.parametrize(
    ("scope", "changes"),
    [
        ("acme", {"level": "shed"}),
        ("tenant:acme\n", {"level": "shed"}),
        (FLEET, {"level": "panic"}),
        (FLEET, {"concurrency": 3.0}),
        (FLEET, {"revision": 9}),
        ("tenant:acme", {"cache": "off"}),
        ("tenant:acme", {"concurrency": 0.5}),
    ],
)
async def test_what_is_no_mode_is_refused(modes, scope, changes):
    with pytest.raises(BadRequest):
        await modes.change(scope, changes, by="ann")
    assert await modes.show() == []
