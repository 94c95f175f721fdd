"""`gigaday serve`, as a process: what it prints, that it answers, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from gigaday.cli.main import build
from gigaday.cli.session import Load
from gigaday.errors import SettingsError

COMMAND = [sys.executable, "-c", "from gigaday.cli.main import main; main()", "serve"]


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[httpx.Client, list[str]]]:
    """A client of a running server; its exit status and what it printed are in the list after the context."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = {**os.environ, "GIGADAY_DATA_DIR": str(folder), "GIGADAY_DRAIN_SECONDS": "0"}
    process = subprocess.Popen([*COMMAND, "--port", str(port), *words], env=env, stderr=subprocess.PIPE, text=True)
    ended: list[str] = []
    try:
        # Retries of the connection alone, each after twice the wait of the one before.
        transport = httpx.HTTPTransport(retries=7)
        with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client, ended
        process.send_signal(signal.SIGTERM)
        _, printed = process.communicate(timeout=30)
        ended += [str(process.returncode), printed]
    finally:
        process.kill()
        process.wait()


def test_a_first_start_with_demo(tmp_path: Path) -> None:
    with serving(tmp_path, "--demo") as (client, ended):
        assert client.get("/livez").json() == {"status": "alive"}
        assert client.get("/readyz").status_code == 200
        assert client.get("/api/health").json()["status"] == "healthy"
        assert client.get("/docs").status_code == 200
    status, printed = ended
    assert status == "0"
    assert "SQLite" in printed
    assert "Operator token, shown this once" in printed
    assert re.search(r"curl -s '\S+/api/v1/products\?limit=3' -H 'Authorization: Bearer gd_\S+'", printed)


def test_a_socket_takes_the_place_of_nothing_but_a_socket(load: Load, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("data")
    for path in (precious, tmp_path / ("x" * 200)):
        with pytest.raises(SettingsError, match="GIGADAY_SOCKET"):
            build(lambda path=path: load().model_copy(update={"socket": path}))(["serve"])
    assert precious.read_text() == "data"


def test_the_second_start_keeps_the_operator_token_to_itself_and_the_demo_token_works(tmp_path: Path) -> None:
    tokens = []
    for _ in range(2):
        with serving(tmp_path, "--demo") as (client, ended):
            client.get("/livez")
        tokens.append(re.findall(r"gd_\w+", ended[1]))
    assert "Operator token" not in ended[1]
    with serving(tmp_path) as (client, _):
        answer = client.get("/api/v1/products?limit=3", headers={"Authorization": f"Bearer {tokens[1][0]}"})
        assert len(answer.json()["data"]) == 3
        assert answer.headers["server"] == "gigaday"
