"""What the doctor finds, and that each fault has a mend."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from gigaday.contracts import Collection
from gigaday.errors import BackendDown
from gigaday.ops.doctor import check_database, check_folder, check_reachable

PLACE = Collection("places")


class State(msgspec.Struct, frozen=True):
    collection: str
    index: str
    state: str


class Database:
    def __init__(self, *, time: float = 1000.0, index: str = "existing", warnings: Sequence[str] = ()) -> None:
        self.time, self.index, self.warnings = time, index, list(warnings)
        self.down = False

    async def server_time(self) -> float:
        if self.down:
            raise BackendDown("mongodb://u:hunter2@h/ refused")
        return self.time

    async def indexes(self, collections: Sequence[Collection], *, dry_run: bool) -> AsyncIterator[State]:
        assert dry_run
        for collection in collections:
            yield State(collection.name, "createdBy_1__id_1", self.index)

    async def replica_status(self) -> list[str]:
        return self.warnings


def now() -> float:
    return 1000.0


async def faults(database: Database) -> list[str]:
    findings = await check_database(database, [PLACE], now)
    assert all(finding.mend for finding in findings if not finding.ok)
    return [finding.check for finding in findings if not finding.ok]


async def test_a_sound_database_has_no_fault() -> None:
    assert await faults(Database()) == []


@pytest.mark.parametrize("time", [1003.0, 997.0])
async def test_a_clock_that_is_off_either_way_is_a_fault(time: float) -> None:
    assert await faults(Database(time=time)) == ["clocks"]


async def test_missing_indexes_are_named() -> None:
    findings = await check_database(Database(index="missing"), [PLACE], now)
    (finding,) = [finding for finding in findings if not finding.ok]
    assert finding.mend == "gigaday db indexes"
    assert "places.createdBy_1__id_1" in finding.detail


async def test_a_set_that_cannot_lose_a_member_is_a_fault() -> None:
    assert await faults(Database(warnings=["majority writes stall when one is lost"])) == ["replica set"]


async def test_a_database_that_does_not_answer_is_one_fault_without_its_secrets() -> None:
    database = Database()
    database.down = True
    (finding,) = await check_database(database, [PLACE], now)
    assert not finding.ok
    assert "hunter2" not in finding.detail


async def test_each_back_end_is_reported_by_itself() -> None:
    async def fine() -> None: ...

    async def broken() -> None:
        raise BackendDown("refused")

    found = await check_reachable({"database": broken, "object store": fine})
    assert [(finding.check, finding.ok) for finding in found] == [("database", False), ("object store", True)]


def test_a_new_folder_is_made_and_fine(tmp_path: Path) -> None:
    assert check_folder(tmp_path / "new")[0].ok


def test_a_folder_that_cannot_be_made_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (finding,) = check_folder(tmp_path / "file" / "data")
    assert not finding.ok
    assert finding.mend
