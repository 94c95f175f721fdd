"""Writing a configuration, checked by the programs themselves."""

import shutil
from pathlib import Path

import pytest

from gigaday.ops.balancer import Balancer, BalancerError, Engine
from gigaday.ops.balancer_files import verify_file, write
from tests.servers import missing


@pytest.mark.parametrize("engine", ["haproxy", "nginx"])
def test_what_passes_is_written_and_what_fails_replaces_nothing(engine: Engine, tmp_path: Path) -> None:
    if shutil.which(engine) is None:
        missing(f"{engine} is not installed")
    output = tmp_path / "balancer.cfg"
    write(engine, Balancer(nodes=("127.0.0.1:9001",)), output)
    before = output.read_text()
    verify_file(engine, output)
    with pytest.raises(BalancerError, match=f"{engine} refuses"):
        write(engine, Balancer(nodes=("127.0.0.1:9002",), certificate=tmp_path / "missing.pem"), output)
    assert output.read_text() == before


def test_unchecked_it_is_written_where_the_program_is_missing(tmp_path: Path) -> None:
    output = write("haproxy", Balancer(nodes=("127.0.0.1:9001",)), tmp_path / "new" / "haproxy.cfg", check=False)
    assert "127.0.0.1:9001" in output.read_text()
    assert str(tmp_path / "new" / "haproxy.cfg.d" / "eject.lua") in output.read_text()
