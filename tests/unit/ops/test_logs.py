import io
import json
from contextlib import suppress
from pathlib import Path

from gigaday.ops.logs import logger


def test_an_event_is_one_json_line_whatever_it_holds():
    sink = io.StringIO()
    logger("json", sink).info("request", path='/x"\n{"level":"forged"}')
    [line] = sink.getvalue().splitlines()
    read = json.loads(line)
    assert (read["event"], read["level"], read["path"]) == ("request", "info", '/x"\n{"level":"forged"}')


def test_a_failure_keeps_its_traceback_on_the_same_line():
    sink = io.StringIO()
    try:
        raise LookupError("why")
    except LookupError:
        logger("json", sink).exception("failed")
    [line] = sink.getvalue().splitlines()
    assert "LookupError" in line and "why" in line


def test_people_get_plain_text():
    sink = io.StringIO()
    logger("console", sink).warning("slow", seconds=3)
    assert "slow" in sink.getvalue() and "\x1b" not in sink.getvalue()


def test_a_line_that_finds_the_disk_full_is_dropped_and_nobody_fails_for_it():
    full = Path("/dev/full").open("w", encoding="utf-8", buffering=1)  # noqa: SIM115 - closing it fails
    logger("json", full).info("request")
    with suppress(OSError):  # it still holds what it could not write
        full.close()
