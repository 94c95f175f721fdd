"""The tutorial, run: every shell block of it, in order, against a served node."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.api.test_media import png
from tests.servers.node import Node

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"


@pytest.fixture
def node(tmp_path):
    node = Node({"GIGADAY_DATA_DIR": str(tmp_path / "data")}, tmp_path / "node.log").start("--demo")
    yield node
    node.kill()


def run(block: str, environ: dict[str, str], folder: Path) -> str:
    command = ["bash", "-euo", "pipefail", "-c", block]
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, (block, done.stderr)
    return done.stdout


def answers(output: str) -> list[dict]:
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(output):
        value, at = decoder.raw_decode(output, at)
        found.append(value)
    return found


def test_every_line_of_the_tutorial_does_what_it_says(node, tmp_path):
    (tmp_path / "stool.jpg").write_bytes(png())
    blocks = re.findall(r"```sh\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    environ = {**os.environ, "URL": node.url, "TOKEN": node.token("Demo")}
    last: list[dict] = []
    for block in blocks:
        if block.startswith(("make ", "export URL")):
            continue
        if block.startswith("export ID="):
            environ["ID"] = last[-1]["_id"]
            continue
        last = answers(run(re.sub(r"^export MEDIA=.*$", "", block, flags=re.MULTILINE), environ, tmp_path))
        if "export MEDIA=" in block:
            environ["MEDIA"] = last[-1]["_id"]
    assert (tmp_path / "fetched.jpg").read_bytes() == png()
    assert last[-1]["code"] == "invalid" and len(last[-1]["errors"]) >= 2
    product = answers(run('curl -s "$URL/api/v1/products/$ID" -H "Authorization: Bearer $TOKEN"', environ, tmp_path))[0]
    assert (product["category"], product["mediaIds"]) == ("stools", [environ["MEDIA"]])
