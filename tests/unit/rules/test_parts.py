import pytest

from gigaday.rules.parts import SINGLE_BYTES, planned, size_for

MIB = 1 << 20


def test_a_small_file_goes_in_one_request():
    assert size_for(1) is None
    assert size_for(SINGLE_BYTES) is None


@pytest.mark.parametrize("size", [SINGLE_BYTES + 1, 5 << 30, 100 << 30, 5 << 40])
def test_parts_cover_a_file_without_gap_and_are_no_more_than_stores_take(size):
    part_size = size_for(size)
    assert part_size is not None and part_size >= 5 * MIB
    parts = list(planned(size, part_size))
    assert len(parts) <= 10_000
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert [part.offset for part in parts] == [sum(p.size for p in parts[:at]) for at in range(len(parts))][
        : len(parts)
    ]
    assert sum(part.size for part in parts) == size
    assert {part.size for part in parts[:-1]} <= {part_size} and 0 < parts[-1].size <= part_size
