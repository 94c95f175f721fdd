"""A page of the docs as a script: its shell blocks, run in order where they stand.

A block is run unless `<!-- not run: why -->` stands on the line above it. `export ID=...   # the "_id" of the answer`
is what a reader does by eye: the test takes that field of the last JSON answer.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.servers.node import MAIN, Node

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"(?P<unrun><!-- not run: \S.*? -->\n)?^```sh\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
KEPT = re.compile(r'^export (\w+)=\.\.\. +# the "(\w+)" of the answer$', re.MULTILINE)
DEFAULT_URL = "http://127.0.0.1:8080"


def blocks(page: Path) -> list[str]:
    """The shell blocks that are to be run."""
    return [found["text"] for found in BLOCK.finditer(page.read_text(encoding="utf-8")) if not found["unrun"]]


def pages() -> list[Path]:
    """Every page that has something to run."""
    return [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if blocks(page)]


class Reader:
    """Somebody in `folder` who pastes one block after another; `answer` is the last JSON value shown."""

    def __init__(self, node: Node, folder: Path, **variables: str) -> None:
        self.answer: Any = None
        self._url, self._folder = node.url, folder
        self.environ = {**os.environ, **node.environ, "URL": node.url, **variables}
        self._install()

    def _install(self) -> None:
        command = self._folder / ".venv" / "bin" / "gigaday"
        command.parent.mkdir(parents=True)
        command.write_text(f"#!{sys.executable}\n{MAIN}\n")
        command.chmod(0o755)
        (self._folder / "docs").symlink_to(ROOT / "docs")
        self.environ["PATH"] = f"{command.parent}{os.pathsep}{self.environ['PATH']}"
        self.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)

    def follow(self, page: Path) -> None:
        """Runs all of the page."""
        for block in blocks(page):
            self.run(block)

    def run(self, block: str) -> None:
        """Runs one block; a command that fails fails the test."""
        script = KEPT.sub("", block).replace(DEFAULT_URL, self._url)
        if script.strip():
            command = ["bash", "-euo", "pipefail", "-c", script]
            done = subprocess.run(
                command, env=self.environ, cwd=self._folder, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, (block, done.stdout, done.stderr)
            self.answer = _last(done.stdout, self.answer)
        for name, key in KEPT.findall(block):
            self.environ[name] = self.answer[key]


def _last(output: str, before: Any) -> Any:
    decoder, at, last = json.JSONDecoder(), 0, before
    while start := re.search(r"[{\[]", output[at:]):
        try:
            last, at = decoder.raw_decode(output, at + start.start())
        except ValueError:
            at += start.end()
    return last
