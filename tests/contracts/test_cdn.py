"""What every CDN guarantees, over none, real Varnish and nginx, and CloudFront (whose API a small server speaks)."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from gigaday.backends.http_cache import HttpCache
from gigaday.backends.no_cdn import NoCdn
from gigaday.contracts import Cdn, Delivery
from gigaday.errors import BackendDown
from tests.servers import free_ports, running
from tests.servers.edge import EdgeCache

PUBLIC = "public, s-maxage=3600, stale-while-revalidate=60"
ITEM, LISTS = "/api/v1/public/acme/products/p1", "/api/v1/public/acme/products"
FILE = "/files/acme/m1/abc/a.png"
ALWAYS = "acme/{} acme * operator/tenants/acme operator/tenants operator"
TAGS = {
    ITEM: "acme/products/p1 " + ALWAYS.format("products"),
    LISTS: "acme/products/ " + ALWAYS.format("products"),
    "/api/v1/public/other/products": "other/products/ other/products other *",
    FILE: "acme/media/m1 " + ALWAYS.format("media"),
}


class Origin:
    """Answers each request with how many it has had of that path, under `TAGS`."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.headers: list[dict[str, str]] = []
        self.cache_control = PUBLIC

    def answer(self, path: str, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        self.counts[path] = self.counts.get(path, 0) + 1
        self.headers.append(headers)
        told = {"Cache-Control": self.cache_control, "Surrogate-Key": TAGS.get(path.partition("?")[0], ""),
                "Vary": "Accept-Encoding, Authorization, X-API-Key"}  # fmt: skip
        return json.dumps({"path": path, "count": self.counts[path]}).encode(), told


@contextmanager
def serving(origin: Origin) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/readyz":
                body, headers = b"{}", {"Cache-Control": "no-store"}
            else:
                body, headers = origin.answer(self.path, {k.lower(): v for k, v in self.headers.items()})
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


class Setting:
    """An edge before an origin, and the driver that purges it."""

    def __init__(self, origin: Origin, edge: EdgeCache) -> None:
        self.origin, self.edge = origin, edge
        self.cdn = HttpCache(edge.url, [edge.purge_url])
        self.client = httpx.Client(base_url=edge.url, timeout=5)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def count(self, path: str, **headers: str) -> int:
        return int(self.get(path, **headers).json()["count"])


@pytest.fixture(scope="module", params=[pytest.param(kind, marks=pytest.mark.live) for kind in ("varnish", "nginx")])
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    origin = Origin()
    with serving(origin) as port, running(EdgeCache(request.param, tmp_path_factory.mktemp("edge"), port)) as edge:
        yield Setting(origin, edge)


@pytest.fixture
async def setting(started: Setting) -> Setting:
    """With nothing kept."""
    await started.cdn.purge(["*"])
    started.origin.counts.clear()
    started.origin.headers.clear()
    return started


async def test_what_is_public_is_asked_for_once(setting: Setting) -> None:
    assert [setting.count(ITEM) for _ in range(3)] == [1, 1, 1]
    assert setting.get(ITEM).headers["x-edge-cache"] == "HIT"


@pytest.mark.parametrize(
    ("tag", "gone"),
    [
        ("acme/products/p1", {ITEM}),
        ("acme/products/", {LISTS, LISTS + "?limit=1"}),
        ("acme/products", {ITEM, LISTS, LISTS + "?limit=1"}),
        ("acme/media/m1", {FILE}),
        ("acme", {ITEM, LISTS, LISTS + "?limit=1", FILE}),
        ("operator/tenants/acme", {ITEM, LISTS, LISTS + "?limit=1", FILE}),
        ("acme/products/p2", set()),
        ("acm", set()),
    ],
)
async def test_a_purge_reaches_what_stands_under_the_tag_and_nothing_else(
    setting: Setting, tag: str, gone: set[str]
) -> None:
    paths = [*TAGS, LISTS + "?limit=1"]
    for path in paths:
        setting.get(path)
    await setting.cdn.purge([tag])
    assert {path for path in paths if setting.count(path) == 2} == gone


async def test_many_tags_go_in_one_call(setting: Setting) -> None:
    setting.get(ITEM)
    await setting.cdn.purge([*(f"acme/products/x{number}" for number in range(2_000)), "acme/products/p1"])
    assert setting.count(ITEM) == 2


async def test_every_encoding_and_every_spelling_of_it_is_purged(setting: Setting) -> None:
    asked = ("gzip", "gzip, deflate", "identity", "br;q=0, gzip;q=0.5")
    for encoding in asked:
        setting.get(ITEM, accept_encoding=encoding)
    before = setting.origin.counts[ITEM]
    await setting.cdn.purge(["acme/products/p1"])
    assert [setting.count(ITEM, accept_encoding=encoding) > before for encoding in asked] == [True] * 4


async def test_tags_are_for_the_edge_alone(setting: Setting) -> None:
    for _ in range(2):
        assert not {"surrogate-key", "xkey"} & set(setting.get(ITEM).headers)


@pytest.mark.parametrize("header", ["authorization", "x-api-key", "cookie", "x-consistency-token", "origin"])
async def test_nothing_that_the_key_lacks_shapes_what_others_get(setting: Setting, header: str) -> None:
    setting.get(ITEM, **{header: "poison"})
    assert "poison" not in {value for seen in setting.origin.headers for value in seen.values()}
    assert setting.count(ITEM) == 1


async def test_what_is_private_is_never_kept(setting: Setting) -> None:
    assert [setting.count("/api/v1/products", authorization="Bearer x") for _ in range(2)] == [1, 2]
    setting.origin.cache_control = "private, no-cache"
    try:
        assert [setting.count(LISTS) for _ in range(2)] == [1, 2]
    finally:
        setting.origin.cache_control = PUBLIC


async def test_only_nodes_may_purge(setting: Setting) -> None:
    """From where clients reach it, unless that is where nodes do: the configuration names them."""
    if setting.edge.kind == "nginx":
        setting.get(ITEM)
        assert setting.client.request("PURGE", "/", headers={"surrogate-key": "*"}).status_code >= 400
        assert setting.count(ITEM) == 1


async def test_links_lead_to_the_edge(setting: Setting) -> None:
    link = setting.cdn.link(Delivery(FILE, "image/png", "inline"))
    assert link == setting.edge.url + FILE
    assert httpx.get(link).status_code == 200


async def test_it_answers_a_ping_while_it_can_purge(setting: Setting) -> None:
    setting.get(ITEM)
    await setting.cdn.ping()
    assert setting.count(ITEM) == 1


async def test_an_edge_that_is_down_is_told_as_such_and_harms_no_other(setting: Setting) -> None:
    [port] = free_ports(1)
    cdn: Cdn = HttpCache(setting.edge.url, [f"http://127.0.0.1:{port}", setting.edge.purge_url])
    setting.get(ITEM)
    with pytest.raises(BackendDown):
        await cdn.purge(["acme/products/p1"])
    with pytest.raises(BackendDown):
        await cdn.ping()
    assert setting.count(ITEM) == 2
    await cdn.close()


async def test_a_refusal_is_told_as_such(setting: Setting, tmp_path: Path) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_PURGE(self) -> None:
            self.send_error(403)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    cdn = HttpCache(setting.edge.url, [f"http://127.0.0.1:{server.server_address[1]}"])
    try:
        with pytest.raises(BackendDown, match="403"):
            await cdn.ping()
    finally:
        await cdn.close()
        server.shutdown()
        server.server_close()


async def test_without_a_cdn_links_lead_to_the_node_and_purging_is_nothing() -> None:
    cdn: Cdn = NoCdn()
    assert cdn.link(Delivery(FILE, "image/png", "inline", "media/key", 5)) == FILE
    await cdn.purge(["*"])
    await cdn.ping()
    await cdn.close()
