import subprocess
import sys

import pytest

from gigaday.cli.main import build


@pytest.fixture
def acme(run):
    run("tenants", "create", "acme", "--json")


def test_what_is_imported_is_exported(run, load, acme, tmp_path, capsys):
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.csv"
    rows.write_text('{"name": "Bar stool", "sku": "A-1"}\n{"name": "Lamp", "sku": "A-2"}\n')
    tally = run("import", str(rows), "--tenant", "acme", "--json")
    assert (tally["read"], tally["inserted"]) == (2, 2)
    with pytest.raises(SystemExit) as ended:
        build(load)(["export", "--tenant", "acme", "--format", "csv", "-o", str(out)])
    assert not ended.value.code
    assert out.read_text().count("Bar stool") == 1


def test_rejected_rows_end_it_with_one(run, acme, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"name": "Bar stool"}\n{"name": ""}\n')
    assert run("import", str(rows), "--tenant", "acme", "--json", status=1)["rejected"] == 1


def test_the_command_comes_up_without_what_only_the_work_needs():
    code = "import sys, gigaday.cli.main; print({'asyncio', 'rich.progress', 'pymongo'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
