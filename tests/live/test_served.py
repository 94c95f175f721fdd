"""The first minute of a newcomer: what is printed works when pasted, and the process behaves as one."""

import json
import re
import subprocess

import pytest

from tests.servers.node import Node


@pytest.fixture
def node(tmp_path):
    node = Node({"GIGADAY_DATA_DIR": str(tmp_path / "data")}, tmp_path / "node.log")
    yield node
    node.kill()


def test_the_printed_curl_line_works_and_the_token_stays(node):
    node.start("--demo")
    [line] = re.findall(r"^  (curl .*)$", node.output, re.MULTILINE)
    answer = json.loads(subprocess.run(line, shell=True, capture_output=True, check=True).stdout)
    assert len(answer["data"]) == 3
    token = node.token("Demo")
    assert node.stop() == 0
    node.log.write_text("")
    node.start("--demo")
    assert node.token("Demo") == token
    assert "Operator token" not in node.output


def test_the_commands_answer_in_json_when_piped(node):
    made = node.cli("tenants", "create", "acme", "--name", "Acme", "--plan", "unlimited")
    assert json.loads(made.stdout)["_id"] == "acme", made.stderr
    for command in (["tenants", "list"], ["tokens", "list", "--tenant", "acme"], ["config", "show"], ["doctor"]):
        done = node.cli(*command)
        assert done.returncode == 0, (command, done.stderr)
        json.loads(done.stdout)


def test_a_misspelt_setting_stops_the_start_with_the_right_name(node):
    node.environ["MONGODB_URL"] = "mongodb://x"
    done = node.cli("serve")
    assert done.returncode != 0
    assert "did you mean MONGODB_URI?" in done.stderr


def test_more_workers_than_in_process_limits_allow_are_refused(node):
    node.environ["CLUSTER_SIZE"] = "4"
    done = node.cli("config", "validate")
    assert done.returncode != 0
    assert "CLUSTER_SIZE" in done.stderr


def test_a_node_that_cannot_start_ends_instead_of_serving(node, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "pepper").mkdir()
    done = node.cli("serve", "--port", str(node.port))
    assert done.returncode != 0
