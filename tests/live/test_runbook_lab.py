"""A traffic spike in a laboratory: nodes are added behind its balancers, and drained away when it is over."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gigaday.lab import roles
from gigaday.lab.ending import down
from gigaday.lab.laboratory import Lab
from gigaday.lab.plan import Plan
from gigaday.lab.raising import up
from gigaday.lab.servers.node import MAIN
from tests.live.test_lab import environ
from tests.servers import missing
from tests.servers.swift import VENV

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    plan = Plan.small(nodes=1, proxies=False, swift=VENV)
    if lacking := plan.lacking():
        missing("; ".join(lacking))
    folder = tmp_path / "lab"
    up(folder, plan, lambda name, there: None)
    yield Lab.load(folder)
    down(Lab.load(folder), grace=0)


def spike(lab: Lab, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-c", MAIN, "runbook", "spike", "--lab", str(lab.folder), *words]
    done = subprocess.run(command, env=environ(), capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return {step["step"]: step["result"] for step in report["steps"]}


def test_nodes_are_added_and_drained_away_again(lab: Lab) -> None:
    assert set(spike(lab).values()) == {"done"}
    assert list(roles.ready(Lab.load(lab.folder)).values()) == [True, True]
    headers = {"Authorization": f"Bearer {lab.facts['demo_token']}"}
    with httpx.Client(headers=headers) as client:
        statuses = {client.get(f"{lab.facts['balancer']}/api/v1/products?limit=1").status_code for _ in range(20)}
        assert statuses == {200}
        assert client.get(f"{lab.facts['balancer']}/api/health").json()["modeCauses"]
        assert set(spike(lab, "--undo").values()) == {"undone"}
        assert list(roles.ready(Lab.load(lab.folder)).values()) == [True]
        assert client.get(f"{lab.facts['balancer']}/api/v1/products?limit=1").status_code == 200
