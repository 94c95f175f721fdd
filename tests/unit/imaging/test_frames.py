import msgspec
import pytest

from gigaday.contracts import Described, Focus, ImageSpec
from gigaday.imaging.frames import LENGTH, Describe, Job, Refused, Render, Rendered, Reply, Seen, framed


@pytest.mark.parametrize("job", [Render("/a/ü", ImageSpec(4, 4, focus=Focus(0, 1))), Describe("/a")])
def test_a_job_arrives_as_it_was_sent(job):
    assert msgspec.json.decode(msgspec.json.encode(job), type=Job) == job


@pytest.mark.parametrize("reply", [Rendered("webp"), Seen(Described("#ffffff")), Refused("why")])
def test_a_reply_arrives_as_it_was_sent(reply):
    assert msgspec.json.decode(msgspec.json.encode(reply), type=Reply) == reply


def test_a_frame_tells_its_length_first():
    assert framed(b"abc") == LENGTH.pack(3) + b"abc"
