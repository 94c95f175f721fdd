"""Images rendered by the pool with pyvips alone in this process, warm; and a stored rendering with a metadata hit."""

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pyvips

from bench import processes
from bench.client import Repeated, headers_of, scope_of
from bench.pipeline import Pipeline, pipeline
from bench.plot import bars
from bench.report import Figure, medians, mib, micro
from bench.scene import TENANT, Scene, scene
from gigaday.contracts import Document, ImageSpec, Insert
from gigaday.imaging.frames import Render, Rendered
from gigaday.imaging.pool import Pool
from gigaday.model.media import MEDIA
from gigaday.rules.ids import make
from gigaday.rules.image_spec import canonical
from gigaday.rules.storage_keys import storage_key
from tests.unit.imaging.pipes import renderers

SIDE, WIDTH, ROUNDS, REQUESTS = 2160, 400, 40, 5_000
SPEC = ImageSpec(width=WIDTH, format="webp", quality=80)


def run(scale: float) -> list[Figure]:
    """Ratios, all from the same rounds."""
    rounds = max(5, int(ROUNDS * scale))
    with scene() as place:
        photographs = {"JPEG": _jpeg(place.folder), "PNG with alpha": _png(place.folder)}
        figures: list[Figure] = []
        for name, path in photographs.items():
            figures += asyncio.run(_pooled(name, path, path.stat().st_size, rounds))
        data = photographs["JPEG"].read_bytes()
        return figures + asyncio.run(_stored(place, data, max(500, int(REQUESTS * scale))))


def _photograph() -> Any:
    """Clouds of colour with grain: as hard to compress as what a camera makes."""
    planes = [pyvips.Image.perlin(SIDE, SIDE, cell_size=256, seed=seed) * 90 + 128 for seed in range(3)]
    grain = pyvips.Image.gaussnoise(SIDE, SIDE, sigma=6, mean=0, seed=9)
    return (planes[0].bandjoin(planes[1:]) + grain).cast("uchar").copy(interpretation="srgb")


def _jpeg(folder: Path) -> Path:
    path = folder / "photograph.jpg"
    _photograph().jpegsave(str(path), Q=90)
    return path


def _png(folder: Path) -> Path:
    path = folder / "photograph.png"
    x = pyvips.Image.xyz(SIDE, SIDE)[0]
    _photograph().bandjoin((x < SIDE // 2).ifthenelse(255, 90).cast("uchar")).pngsave(str(path))
    return path


def _alone(path: Path) -> int:
    """What anyone would write who needs the same once."""
    image = pyvips.Image.thumbnail(str(path), WIDTH, height=10_000_000, size="down", output_profile="srgb")
    return len(image.webpsave_buffer(Q=80, keep="none"))


async def _pooled(name: str, path: Path, size: int, rounds: int) -> list[Figure]:
    pool = Pool()

    async def pooled() -> int:
        reply, data = await pool.run(Render(str(path), canonical(SPEC)))
        assert isinstance(reply, Rendered)
        return len(data)

    async def alone() -> int:
        return _alone(path)

    pyvips.cache_set_max(0)  # or it would answer from its memory what it has made before
    found = [[await _timed(contender) for contender in (pooled, alone)] for _ in range(rounds + 2)]
    [child] = renderers()
    peak = processes.memory(child)
    await pool.close()
    ours, plain = medians(found[2:])
    bars(f"images-{name.split()[0].lower()}", "Milliseconds", {"pool": ours * 1e3, "pyvips alone": plain * 1e3})
    what = f"{SIDE} x {SIDE} {name} of {mib(size)} to {WIDTH} px WebP: pool / pyvips alone"
    return [
        Figure(what, f"{ours / plain:.2f}  ({ours * 1e3:.1f} ms / {plain * 1e3:.1f} ms)", "<= 1.2"),
        Figure("the process' peak memory", mib(peak)),
    ]


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def _stored(place: Scene, data: bytes, requests: int) -> list[Figure]:
    """CPU in process; the file itself is sent by the server, in both cases outside of what is measured."""
    async with pipeline(place.settings) as node:
        medium = await _medium(node, data)
        about = f"/api/v1/media/{medium['_id']}"
        headers = [*headers_of(place.token), (b"accept", b"image/webp,*/*")]
        scopes = [scope_of(headers, about), scope_of(headers, f"{about}/image", "preset=small")]
        for scope in scopes:
            scope["extensions"] = {"http.response.pathsend": {}}
        first = await _timed(lambda: Repeated(node.app).ask(scopes[1]))
        rounds = [[await _cpu(node, scope, requests // 10) for scope in scopes] for _ in range(11)][1:]
        metadata, stored = medians(rounds)
        rendered = node.backends.images.rendered
    return [
        Figure("CPU of a stored rendering / of a hit of its metadata", f"{stored / metadata:.1f}  ({micro(stored)} / "
               f"{micro(metadata)})"),
        Figure(f"renderings made in all, for {requests:,} requests", f"{rendered}", "1"),
        Figure("the first request, which starts the process", f"{first * 1e3:.0f} ms"),
    ]  # fmt: skip


async def _medium(node: Pipeline, data: bytes) -> Document:
    async def chunks() -> Any:
        yield data

    id = make(1_750_000_000, bytes(10))
    key = storage_key(TENANT, id)
    await node.backends.objects.put(key, chunks(), "image/jpeg")
    document = {
        "_id": id, "createdBy": TENANT, "version": 1, "filename": "photograph.jpg", "contentType": "image/jpeg",
        "size": len(data), "sha256": "0" * 64, "storageKey": key, "status": "ready", "alt": None,
        "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    await node.backends.documents.write(MEDIA, TENANT, [Insert(document)])
    return document


async def _cpu(node: Pipeline, scope: dict[str, Any], count: int) -> float:
    """Seconds a request, of this process; as a server does, it lets the event loop turn."""
    client, before = Repeated(node.app), _used()
    for number in range(count):
        if await client.ask(scope) != 200:
            raise RuntimeError("the image is not answered")
        if not number % 16:
            await asyncio.sleep(0)
    return (_used() - before) / count


def _used() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
