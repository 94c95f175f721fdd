import gzip
import io
from pathlib import Path

import pytest

from gigaday.errors import Fault
from gigaday.ops.rows import MAX_LINE, RowFile


def read(data: bytes, format: str = "jsonl") -> list:
    return list(RowFile(io.BytesIO(data), format))


def test_json_lines_are_numbered_and_blank_ones_skipped():
    assert read(b'\xef\xbb\xbf{"a":1}\n\n  \n{"a":"\xc3\xa9"}\r\n{"a":3}') == [
        (1, {"a": 1}),
        (4, {"a": "é"}),
        (5, {"a": 3}),
    ]


@pytest.mark.parametrize("bad", [b"{", b"[1]", b'"text"', b'{"a":"\xff"}', b'{"a":NaN}', b"[" * 100_000])
def test_a_bad_line_is_a_fault_in_its_place_and_the_next_is_read(bad):
    first, second, third = read(b'{"a":1}\n' + bad + b'\n{"a":3}\n')
    assert isinstance(second[1], Fault)
    assert (second[0], first, third) == (2, (1, {"a": 1}), (3, {"a": 3}))


def test_a_line_without_end_does_not_fill_the_memory():
    (_, fault), last = read(b'{"a":"' + b"x" * (2 * MAX_LINE) + b'"}\n{"a":2}\n')
    assert "longer than" in fault.detail
    assert last == (2, {"a": 2})


def test_gzip_is_read_by_its_content_and_a_broken_end_is_a_fault(tmp_path: Path):
    packed = gzip.compress(b'{"a":1}\n' * 1000)
    assert len(read(packed)) == 1000
    assert isinstance(read(packed[:-12])[-1][1], Fault)


def test_csv_cells_are_by_name_and_empty_ones_absent():
    data = b'\xef\xbb\xbfname,sku,note\r\n"Stool, high",1,\r\n"two\r\nlines",2,x\r\nlast,3,y\r\n'
    assert read(data, "csv") == [
        (2, {"name": "Stool, high", "sku": "1"}),
        (3, {"name": "two\r\nlines", "sku": "2", "note": "x"}),
        (5, {"name": "last", "sku": "3", "note": "y"}),
    ]


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_the_delimiter_is_told_by_the_header(sign):
    assert read(f"name{sign}sku\na{sign}1\n".encode(), "csv") == [(2, {"name": "a", "sku": "1"})]


def test_csv_rows_that_cannot_be_read_are_faults_in_their_place():
    rows = read(b'name,sku\na,1,2\nb\xff,2\n"c"x,3\nd,4\n', "csv")
    assert [line for line, _ in rows] == [2, 3, 4, 5]
    assert [isinstance(row, Fault) for _, row in rows] == [True, True, True, False]
    assert rows[1][1].pointer == "/name"


@pytest.mark.parametrize("header", [b"a,a\n", b"a,\n", b"\xff,a\n"])
def test_a_header_that_does_not_name_the_columns_is_a_fault(header):
    [(line, fault)] = read(header + b"1,2\n", "csv")
    assert line == 1
    assert isinstance(fault, Fault)


def test_an_empty_file_has_no_rows():
    assert read(b"") == read(b"", "csv") == []


def test_a_path_tells_format_and_size_and_progress_ends_at_the_size(tmp_path: Path):
    path = tmp_path / "rows.CSV.gz"
    path.write_bytes(gzip.compress(b"name\na\n"))
    with RowFile.open(str(path)) as file:
        assert list(file) == [(2, {"name": "a"})]
        assert file.position() == file.size == path.stat().st_size
