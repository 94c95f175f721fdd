"""What the doctor finds, and that each fault has a mend."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from gigaday.errors import BackendDown
from gigaday.ops.doctor import check_database, check_folder, check_reachable
from gigaday.rules.replica_set import Member

THREE = [Member("a"), Member("b"), Member("c")]


class Facts:
    def __init__(
        self, time: float = 1000.0, missing: Sequence[str] = (), members: Sequence[Member] = (), down: bool = False
    ) -> None:
        self.time, self.missing, self.known, self.down = time, missing, members, down

    async def server_time(self) -> float:
        if self.down:
            raise BackendDown("mongodb://u:hunter2@h/ refused")
        return self.time

    async def missing_indexes(self) -> Sequence[str]:
        return self.missing

    async def members(self) -> Sequence[Member]:
        return self.known


def now() -> float:
    return 1000.0


async def faults(facts: Facts) -> list[str]:
    findings = await check_database(facts, now)
    assert all(finding.mend for finding in findings if not finding.ok)
    return [finding.check for finding in findings if not finding.ok]


async def test_a_sound_database_has_no_fault() -> None:
    assert await faults(Facts(members=THREE)) == []


@pytest.mark.parametrize("time", [1003.0, 997.0])
async def test_a_clock_that_is_off_either_way_is_a_fault(time: float) -> None:
    assert await faults(Facts(time=time)) == ["clocks"]


async def test_missing_indexes_are_named() -> None:
    (_, finding) = await check_database(Facts(missing=["products (createdBy, sku)"]), now)
    assert (finding.ok, finding.mend) == (False, "gigaday db indexes")
    assert "products (createdBy, sku)" in finding.detail


async def test_a_set_that_cannot_lose_a_member_is_a_fault() -> None:
    assert await faults(Facts(members=[*THREE, Member("arbiter", arbiter=True)])) == ["replica set"]


async def test_a_dead_member_is_a_fault_though_writes_go_on() -> None:
    assert await faults(Facts(members=[*THREE[:2], Member("c", alive=False)])) == ["replica set"]


async def test_a_database_that_does_not_answer_is_one_fault_without_its_secrets() -> None:
    (finding,) = await check_database(Facts(down=True), now)
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
