"""`gigaday balancer`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_the_configuration_is_written_where_asked(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "haproxy.cfg"
    run(
        "balancer",
        "haproxy",
        "--node",
        "10.0.0.1:8080",
        "--node",
        "10.0.0.2:8080",
        "--output",
        str(output),
        "--no-check",
    )
    assert "server node2 10.0.0.2:8080" in output.read_text()
