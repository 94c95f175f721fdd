"""A small laboratory for the session, whole."""

from collections.abc import Iterator

import pytest

from gigaday.lab.ending import down
from gigaday.lab.laboratory import Lab
from gigaday.lab.plan import Plan
from gigaday.lab.raising import up
from tests.servers import missing
from tests.servers.swift import VENV


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two nodes and what they need; experiments leave it as they found it."""
    plan = Plan.small(nodes=2, swift=VENV)
    if lacking := plan.lacking():
        missing("; ".join(lacking))
    started = up(tmp_path_factory.mktemp("lab"), plan, lambda name, there: None)
    try:
        yield started
    finally:
        down(Lab.load(started.folder))  # commands have started some of it anew
