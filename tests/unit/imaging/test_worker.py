import socket
import subprocess
import sys

import msgspec
import pytest

from gigaday.contracts import ImageSpec
from gigaday.imaging.frames import Describe, Limits, Refused, Render, Rendered, Seen, framed
from gigaday.imaging.worker import receive, work
from gigaday.rules.image_spec import canonical
from tests import pictures

SPEC = canonical(ImageSpec(width=10, format="webp"))


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(pictures.png(pictures.plain(20, 20)))
    return str(path)


def test_a_job_is_answered(picture):
    reply, data = work(Render(picture, SPEC), Limits())
    assert reply == Rendered("webp") and b"WEBP" in data[:16]
    seen, nothing = work(Describe(picture), Limits())
    assert isinstance(seen, Seen) and seen.described.color == "#dc1e1e" and nothing == b""


@pytest.mark.parametrize("job", [lambda path: Render(path, SPEC), Describe])
def test_what_cannot_be_rendered_is_refused_with_the_reason(picture, job):
    reply, data = work(job(picture), Limits(pixels=100))
    assert isinstance(reply, Refused) and "20 x 20" in reply.detail and data == b""


def test_jobs_come_one_after_another_until_nothing_comes():
    ours, theirs = socket.socketpair()
    job = Describe("/a")
    with theirs:
        with ours:
            ours.sendall(framed(msgspec.json.encode(job)) * 2 + b"\0\0")
        assert [receive(theirs) for _ in range(3)] == [job, job, None]


def confined(code: str) -> subprocess.CompletedProcess[str]:
    begin = "from gigaday.imaging.worker import *; confine(Limits(memory=100 << 20)); allow_cpu(1)\n"
    return subprocess.run([sys.executable, "-c", begin + code], capture_output=True, text=True, timeout=60)


def test_no_file_can_be_written(tmp_path):
    done = confined(f"open({str(tmp_path / 'a')!r}, 'w').write('x' * 9999)")
    assert done.returncode == 1 and "OSError" in done.stderr
    assert (tmp_path / "a").read_text() == ""


def test_memory_is_bounded():
    assert "MemoryError" in confined("b'x' * (200 << 20)").stderr
    assert confined("b'x' * (20 << 20)").returncode == 0


def test_cpu_is_bounded():
    assert confined("while True: pass").returncode == -24  # SIGXCPU
