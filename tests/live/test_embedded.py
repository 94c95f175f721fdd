"""The embedded node stops politely: SIGTERM lets a running request finish, then the process ends with 0."""

import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.api.test_media import png
from tests.servers.node import Node


@pytest.fixture
def node(tmp_path) -> Iterator[Node]:
    node = Node({"GIGADAY_DATA_DIR": str(tmp_path / "data")}, tmp_path / "node.log")
    yield node
    node.kill()


def test_sigterm_finishes_a_running_request_and_exits_with_0(node):
    node.start("--demo")
    content, begun, answers = png(40, 40), threading.Event(), []

    def slowly() -> Iterator[bytes]:
        yield content[:20]
        begun.set()
        time.sleep(1.5)
        yield content[20:]

    def upload() -> None:
        headers = {"Authorization": f"Bearer {node.token('Demo')}", "X-Filename": "a.png"}
        answers.append(httpx.post(f"{node.url}/api/v1/media", content=slowly(), headers=headers, timeout=20))

    thread = threading.Thread(target=upload)
    thread.start()
    assert begun.wait(10)
    time.sleep(0.3)
    assert node.stop() == 0
    thread.join(20)
    assert [answer.status_code for answer in answers] == [201]
