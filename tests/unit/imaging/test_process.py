import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pyvips

from gigaday.contracts import ImageSpec
from gigaday.errors import Unavailable
from gigaday.imaging.frames import Describe, Limits, Refused, Render, Rendered, Seen
from gigaday.imaging.process import Lost, Process
from gigaday.rules.image_spec import canonical
from tests import pictures
from tests.servers import until
from tests.unit.imaging.pipes import Pipe, renderers

SECONDS = 60.0
MIB = 1 << 20


@asynccontextmanager
async def started(**limits: int) -> AsyncIterator[Process]:
    process = await Process.start(Limits(**limits), threads=1)
    try:
        yield process
    finally:
        await process.kill()


def written(folder: Path, data: bytes) -> str:
    path = folder / f"{len(list(folder.iterdir()))}"
    path.write_bytes(data)
    return str(path)


def spec(**fields) -> ImageSpec:
    return canonical(ImageSpec(**{"width": 20, "format": "webp", **fields}))


def noise(width: int, height: int) -> bytes:
    bands = [pyvips.Image.gaussnoise(width, height, mean=128, sigma=60, seed=seed).cast("uchar") for seed in range(3)]
    return bands[0].bandjoin(bands[1:]).copy(interpretation="srgb").jpegsave_buffer(Q=80)


async def test_it_does_job_after_job(tmp_path):
    path = written(tmp_path, pictures.png(pictures.quarters(40, 40)))
    async with started() as process:
        for _ in range(3):
            reply, data = await process.ask(Render(path, spec()), SECONDS)
            assert reply == Rendered("webp") and pictures.opened(data).width == 20
            reply, _ = await process.ask(Describe(path), SECONDS)
            assert isinstance(reply, Seen) and reply.described.width == 40
        assert process.jobs == 6


FOREIGN = {
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><script>alert(1)</script><rect/></svg>",
    "pdf": b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF",
    "ppm": b"P6 2 2 255 " + b"abc" * 4,
    "csv": b"1,2\n3,4\n",
    "fits": b"SIMPLE  =                    T" + b" " * 2850,
    "html": b"<!doctype html><script>alert(1)</script>",
    "mvg": b"push graphic-context\nviewbox 0 0 9 9\nfill 'url(https://127.0.0.1/x)'\npop graphic-context",
}


@pytest.mark.parametrize("name", FOREIGN)
async def test_no_other_decoder_ever_sees_an_upload(tmp_path, name):
    async with started() as process:
        for suffix in ("", f".{name}", ".png"):
            path = tmp_path / f"a{suffix}"
            path.write_bytes(FOREIGN[name])
            reply, _ = await process.ask(Render(str(path), spec()), SECONDS)
            assert isinstance(reply, Refused)


async def test_tiff_and_the_formats_of_libvips_itself_are_not_taken(tmp_path):
    image = pictures.quarters(20, 20)
    async with started() as process:
        for suffix in ("tif", "v"):
            image.write_to_file(str(tmp_path / f"a.{suffix}"))
            reply, _ = await process.ask(Render(str(tmp_path / f"a.{suffix}"), spec()), SECONDS)
            assert isinstance(reply, Refused)


@pytest.mark.parametrize("made", [
    pictures.bomb_png, pictures.bomb_gif, lambda: pictures.bomb_gif(8_000, 8_000, frames=50),
    lambda: pictures.bomb_text_png(500 * MIB),
])  # fmt: skip
async def test_a_bomb_hurts_nobody(tmp_path, made):
    path = written(tmp_path, made())
    async with started(memory=256 * MIB) as process:
        reply, data = await process.ask(Render(path, spec()), SECONDS)
        assert isinstance(reply, Refused) or len(data) < 10_000


async def test_what_takes_too_much_memory_is_refused_and_the_next_is_served(tmp_path):
    large = pictures.png(pictures.plain(6_000, 6_000), interlace=True)  # 108 MB that have to be held at once
    path, small = written(tmp_path, large), written(tmp_path, pictures.png(pictures.plain(20, 20)))
    async with started(memory=40 * MIB) as process:
        reply, _ = await process.ask(Render(path, spec()), SECONDS)
        assert isinstance(reply, Refused) and "memory" in reply.detail
    async with started(memory=400 * MIB) as process:
        assert (await process.ask(Render(path, spec()), SECONDS))[0] == Rendered("webp")
        assert (await process.ask(Render(small, spec()), SECONDS))[0] == Rendered("webp")


async def test_what_takes_too_much_cpu_is_refused(tmp_path):
    path = written(tmp_path, noise(4_000, 4_000))
    async with started(cpu=1) as process:
        reply, _ = await process.ask(Render(path, spec(width=4_000, format="avif")), SECONDS)
        assert isinstance(reply, Refused) and "time" in reply.detail


@asynccontextmanager
async def held(process: Process, folder: Path, seconds: float = SECONDS) -> AsyncIterator["asyncio.Task[object]"]:
    """A job that lasts."""
    with Pipe(folder) as pipe:
        task = asyncio.create_task(process.ask(Render(str(pipe.path), spec()), seconds))
        await pipe.read()
        yield task


async def test_a_process_that_is_killed_is_lost(tmp_path):
    async with started() as process, held(process, tmp_path) as job:
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(Lost, match="-9"):
            await job


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
async def test_an_image_that_crashes_its_decoder_is_refused(tmp_path, how):
    async with started() as process, held(process, tmp_path) as job:
        os.kill(process.pid, how)
        reply, _ = await job
        assert isinstance(reply, Refused)


async def test_what_takes_too_long_is_killed(tmp_path):
    async with started() as process, held(process, tmp_path, seconds=1.0) as job:
        with pytest.raises(Lost, match="1 seconds"):
            await job
        assert process.pid not in renderers()


async def test_it_has_nothing_of_the_nodes_environment_and_files():
    async with started() as process:
        environment = Path(f"/proc/{process.pid}/environ").read_text().split("\0")
        opened = {str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir()}
    names = {item.split("=")[0] for item in environment if item}
    assert names == {
        "PYTHONPATH",
        "VIPS_BLOCK_UNTRUSTED",
        "VIPS_CONCURRENCY",
        "VIPS_DISC_THRESHOLD",
        "MALLOC_ARENA_MAX",
    }
    assert {name.split(":")[0] for name in opened} <= {"/dev/null", "socket"}


async def test_it_ends_with_its_node():
    process = await Process.start(Limits(), threads=1)
    assert await process.kill() == 0  # of itself, as nothing more comes


NODE = """
import asyncio
from gigaday.imaging.frames import Limits
from gigaday.imaging.process import Process

async def main():
    print((await Process.start(Limits(), threads=1)).pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_it_dies_with_its_node_however_that_ends():
    with subprocess.Popen([sys.executable, "-c", NODE], stdout=subprocess.PIPE, text=True) as node:
        renderer = Path(f"/proc/{node.stdout.readline().strip()}")
        assert "imaging" in (renderer / "cmdline").read_text()
        node.kill()
    until(lambda: not renderer.exists(), 20, "it goes on", retried=OSError)


async def test_one_that_does_not_start_is_told():
    with pytest.raises(Unavailable):
        await Process.start(Limits(pixels="many"), threads=1)
