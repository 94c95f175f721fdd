"""`gigaday media` over an embedded store: what is reaped, verified and rendered, and how it is told."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gigaday import compose
from gigaday.cli.main import build
from gigaday.cli.session import Load, with_backends
from gigaday.errors import NotFound
from gigaday.ops import demo_images
from gigaday.rules import ids
from gigaday.rules.storage_keys import storage_key
from tests.unit.ops.kept_media import fields, once

Run = Callable[..., Any]


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def acme(run: Run) -> str:
    return str(run("tenants", "create", "acme")["_id"])


def upload(load: Load, content: bytes, **more: Any) -> str:
    """The storage key of a medium made as a node makes it."""

    async def make(backends: compose.Backends, settings: Any) -> str:
        kept = compose.media.keeping(backends)
        id = ids.make(time.time(), os.urandom(10))
        key = storage_key("acme", id)
        await backends.objects.put(key, once(content), "")
        await kept.quota.reserve("acme", 0, len(content))
        made = await kept.making.make("acme", id, fields(content, **more), key)
        return str(made["storageKey"])

    return with_backends(load, make)


def store(load: Load, content: bytes, hours: float, folder: Path) -> str:
    """The key of bytes without a record that are so old."""

    async def put(backends: compose.Backends, settings: Any) -> str:
        key = storage_key("acme", ids.make(time.time(), os.urandom(10)))
        await backends.objects.put(key, once(content), "")
        return key

    key = with_backends(load, put)
    then = time.time() - hours * 3600
    os.utime(folder / key, (then, then))
    return key


def test_reap_tells_before_it_does(run: Run, load: Load, acme: str, objects: Path) -> None:
    medium, orphan = upload(load, b"needed"), store(load, b"orphan", 30, objects)
    told = run("media", "reap", "--dry-run")
    assert [(gone["what"], gone["key"], gone["objects"], gone["bytes"]) for gone in told] == [("orphan", orphan, 1, 6)]
    assert (objects / orphan).exists()
    assert run("media", "reap") == told
    assert not (objects / orphan).exists()
    assert (objects / medium).exists()
    assert run("media", "reap") == []


def test_the_grace_is_in_hours(run: Run, load: Load, acme: str, objects: Path) -> None:
    orphan = store(load, b"orphan", 30, objects)
    assert run("media", "reap", "--grace", "31") == []
    assert [gone["key"] for gone in run("media", "reap", "--grace", "29")] == [orphan]


def test_verify_passes_what_is_whole(run: Run, load: Load, acme: str) -> None:
    upload(load, b"whole")
    assert run("media", "verify") == {"tenants": 1, "bytes": 5, "faults": [], "miscounted": []}


def test_verify_says_in_words_what_is_wrong(
    load: Load, run: Run, acme: str, objects: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (objects / upload(load, b"corrupt", filename="stool.txt")).write_bytes(b"CORRUPT")
    with pytest.raises(SystemExit):
        build(load)(["media", "verify"])
    assert re.search(r"^corrupt: stool\.txt \(acme/\w{26}\) has the digest", capsys.readouterr().err, re.MULTILINE)


def test_verify_fails_of_what_is_not_and_names_it(run: Run, load: Load, acme: str, objects: Path) -> None:
    keys = [upload(load, content) for content in (b"gone", b"shorter", b"other")]
    (objects / keys[0]).unlink()
    (objects / keys[1]).write_bytes(b"short")
    (objects / keys[2]).write_bytes(b"OTHER")
    found = run("media", "verify", "--mend", status=1)["faults"]
    assert {fault["key"]: fault["fault"] for fault in found} == dict(
        zip(keys, ("missing", "size", "corrupt"), strict=True)
    )


def test_verify_counts_and_mends_the_count(run: Run, load: Load, acme: str, objects: Path) -> None:
    upload(load, b"whole")
    store(load, b"never counted", 0, objects)
    [wrong] = run("media", "verify", "--tenant", "acme", status=1)["miscounted"]
    assert (wrong["counted"], wrong["stored"], wrong["mended"]) == (5, 18, False)
    assert run("media", "verify", "--mend")["miscounted"][0]["mended"]
    assert run("media", "verify")["miscounted"] == []


@pytest.mark.parametrize("words", [("verify", "--tenant", "acem"), ("warm", "--tenant", "acem")])
def test_a_tenant_that_is_not_there_is_refused(load: Load, words: tuple[str, ...]) -> None:
    with pytest.raises(NotFound):
        build(load)(["media", *words])


def test_warm_renders_what_is_asked_for(run: Run, load: Load, acme: str, objects: Path) -> None:
    upload(load, demo_images.draw("chairs", 1), contentType="image/png")
    upload(load, b"a text")
    warmed = run("media", "warm", "--tenant", "acme", "--preset", "thumb", "--format", "webp", "--format", "png")
    assert (warmed["presets"], warmed["images"], warmed["renderings"], warmed["faults"]) == (["thumb"], 1, 2, [])
    rendered = [path.suffix for path in (objects / "variants").rglob("*") if path.is_file()]
    assert sorted(rendered) == [".png", ".webp"]


def test_warm_fails_of_what_cannot_be_rendered(run: Run, load: Load, acme: str) -> None:
    upload(load, b"\x89PNG\r\n\x1a\nbut no more", contentType="image/png", filename="broken.png")
    warmed = run("media", "warm", "--tenant", "acme", "--preset", "thumb", "--format", "webp", status=1)
    assert [(fault["filename"], fault["preset"]) for fault in warmed["faults"]] == [("broken.png", "thumb")]


def test_a_preset_that_is_not_there_is_refused(run: Run, load: Load, acme: str) -> None:
    with pytest.raises(NotFound, match="thumb"):
        build(load)(["media", "warm", "--tenant", "acme", "--preset", "tumb"])
