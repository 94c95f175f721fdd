"""The command as a whole: what it offers, how fast, and how it ends."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gigaday.cli.main import build
from gigaday.settings import Settings


def never() -> Settings:
    raise AssertionError("the settings are not needed for help")


@pytest.mark.parametrize("group", ["serve", "tenants", "tokens", "db", "import", "export", "config", "doctor"])
def test_every_group_has_help_that_needs_no_settings(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        build(never)([group, "--help"])
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


def ended(words: list[str], environ: dict[str, str]) -> tuple[int, str]:
    command = [sys.executable, "-c", "from gigaday.cli.main import main; main()", *words]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environ})
    return done.returncode, done.stderr


def test_a_wrong_setting_ends_with_2_and_the_nearest_spelling() -> None:
    status, told = ended(["config", "validate"], {"MONGODB_URL": "mongodb://localhost"})
    assert status == 2
    assert "MONGODB_URI" in told
    assert "Traceback" not in told


def test_what_cannot_be_done_ends_with_1_and_says_why(tmp_path: Path) -> None:
    environ = {"GIGADAY_DATA_DIR": str(tmp_path)}
    assert ended(["tenants", "show", "nobody"], environ) == (1, "gigaday: There is no such tenant.\n")
    status, told = ended(["tenants", "create", "acme", "--plan", "golden"], environ)
    assert status == 1
    assert "/plan" in told
