"""The command as a whole: what it offers, how fast, and how it ends."""

import subprocess
import sys
import time

import pytest

from gigaday.cli.main import build


def never() -> object:
    raise AssertionError("the settings are not needed for help")


@pytest.mark.parametrize("group", ["serve", "tenants", "tokens", "db", "import", "export", "config", "doctor"])
def test_every_group_has_help_that_needs_no_settings(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build(never)([group, "--help"])  # type: ignore[arg-type]
    assert ended.value.code in (0, None)
    assert group in capsys.readouterr().out


def test_help_loads_no_server_store_or_framework() -> None:
    script = (
        "import sys; from gigaday.cli.main import build\n"
        "try: build(lambda: None)(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'granian', 'starlette', 'pymongo', 'obstore', 'pydantic', 'pyvips', 'structlog'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert time.perf_counter() - begun < 2  # the aim is 0.2 s; this bound only catches a disaster on a busy machine
