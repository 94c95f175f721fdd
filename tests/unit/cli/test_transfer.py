import io
import json
from pathlib import Path

from gigaday.cli.transfer import SHOWN, Meter, Rejects, in_words, source, tally_row
from gigaday.errors import Fault
from gigaday.ops.importer import Reject, Tally
from gigaday.ops.rows import RowFile
from gigaday.rules.mapping import parse

REJECT = Reject(17, "BS-1", [Fault("/name", "is required"), Fault("", "is odd")])


def test_a_reject_is_told_in_one_line_with_where_and_why():
    assert in_words(REJECT) == "line 17 (sku BS-1) rejected: /name is required; is odd"
    assert in_words(Reject(3, None, [Fault("", "is not JSON")])) == "line 3 rejected: is not JSON"


def test_all_rejects_are_in_the_file_and_the_first_few_on_the_screen(tmp_path: Path):
    err, path = io.StringIO(), tmp_path / "rejects.jsonl"
    with Rejects(path, err) as rejects:
        for line in range(SHOWN + 5):
            rejects.add(Reject(line, None, [Fault("/name", "is required")]))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[3] == {"line": 3, "sku": None, "errors": [{"pointer": "/name", "detail": "is required"}]}
    assert len(rows) == SHOWN + 5
    assert err.getvalue().count("rejected:") == SHOWN
    assert f"and 5 more rejected rows; all are in {path}" in err.getvalue()


def test_rows_go_through_the_mapping_and_faults_pass_by():
    file = RowFile(io.BytesIO(b'{"title":"a"}\n{\n'), "jsonl")
    (_, first), (line, fault) = source(file, parse('[fields]\nname = "title"'))
    assert first == {"name": "a"}
    assert (line, isinstance(fault, Fault)) == (2, True)


def test_without_a_mapping_rows_are_read_as_an_export_writes_them():
    lines = RowFile(io.BytesIO(b'{"_id":"1","name":"a","version":1}\n'), "jsonl")
    cells = RowFile(io.BytesIO(b"_id,name,price.amount,price.currency\n1,'=a,5,EUR\n"), "csv")
    assert list(source(lines, None)) == [(1, {"name": "a"})]
    assert list(source(cells, None)) == [(2, {"name": "=a", "price": {"amount": 5, "currency": "EUR"}})]


def test_progress_is_not_drawn_where_there_is_no_terminal():
    err = io.StringIO()
    with Meter("import x", 100, err) as meter:
        meter.show(10, 50)
    assert err.getvalue() == ""


def test_the_tally_tells_the_speed():
    shown = tally_row(Tally(read=10, inserted=9, rejected=1), 2.0)
    assert (shown["read"], shown["inserted"], shown["rejected"], shown["rows_per_second"]) == (10, 9, 1, 5)
