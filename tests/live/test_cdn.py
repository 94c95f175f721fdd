"""Pictures and catalogues through real edge caches before real nodes: kept, counted, and forgotten on a write."""

import json
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pyvips

from tests.servers import free_ports, running, until
from tests.servers.edge import EdgeCache
from tests.servers.node import Node

pytestmark = pytest.mark.live
PURGES = 3
"""Of each write: one at once, and two that repeat it."""
SEEN_WITHIN = 2.0
"""Seconds after which a write has to be seen through the edge; see `--durations` and docs/how-to/cdn.md for how long it
takes."""


class Shop:
    """A node behind an edge, and a tenant that publishes its catalogue."""

    def __init__(self, kind: Any, folder: Path) -> None:
        port = free_ports(1)[0]
        self.edge = EdgeCache(kind, folder / "edge", port)
        environ = {"GIGADAY_DATA_DIR": str(folder / "data"), "CLUSTER_SIZE": "1",
                   "GIGADAY_TRUSTED_PROXIES": "127.0.0.1", **self.edge.settings()}  # fmt: skip
        self.node = Node(environ, folder / "node.log", port=port)

    def start(self) -> "Shop":
        self.node.start("--demo")
        self.edge.start()
        self.http = httpx.Client(base_url=self.node.url, timeout=10,
                                 headers={"Authorization": f"Bearer {self.node.token('Demo')}"})  # fmt: skip
        self.visitor = httpx.Client(base_url=self.edge.url, timeout=10)
        tenant = self.call("GET", "/tenant")
        self.tenant = str(tenant["_id"])
        self.call("PATCH", "/tenant", json={"settings": {"publish": True}})
        return self

    def stop(self) -> None:
        self.node.kill()
        self.edge.stop()

    def call(self, method: str, path: str, **more: Any) -> Any:
        answer = self.http.request(method, f"/api/v1{path}", **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def picture(self, shade: int = 90) -> dict[str, Any]:
        image = pyvips.Image.black(300, 200, bands=3).linear([1, 1, 1], [shade, 60, 30])
        content = image.cast("uchar").copy(interpretation="srgb").write_to_buffer(".png")
        headers = {"content-type": "application/octet-stream", "content-disposition": 'attachment; filename="a.png"'}
        return dict(self.call("POST", "/media", content=content, headers=headers))

    def product(self, **fields: Any) -> dict[str, Any]:
        return dict(self.call("POST", "/products", json={"name": "Stool", "status": "active", **fields}))

    def path(self, product: dict[str, Any]) -> str:
        return f"/api/v1/public/{self.tenant}/products/{product['_id']}"

    def hit(self, path: str, **headers: str) -> tuple[str, httpx.Response]:
        answer = self.visitor.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        return answer.headers.get("x-edge-cache", ""), answer


@pytest.fixture(scope="module", params=["varnish", "nginx"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with running(Shop(request.param, tmp_path_factory.mktemp(request.param))) as started:
        yield started


def until_seen(shop: Shop, path: str, seen: Any) -> float:
    began = time.monotonic()
    while not seen(shop.visitor.get(path)):
        assert time.monotonic() < began + SEEN_WITHIN, "the write is not seen through the edge"
        time.sleep(0.001)
    return time.monotonic() - began


def test_an_uploaded_picture_is_fetched_from_the_node_once(shop: Shop) -> None:
    medium = shop.picture()
    for asked in ({}, {"preset": "small"}, {"width": 77, "format": "webp"}):
        link = shop.call("POST", f"/media/{medium['_id']}/links", json=asked)["url"]
        assert link.startswith(shop.edge.url)
        path = link.removeprefix(shop.edge.url)
        seen = [shop.hit(path, accept="image/webp") for _ in range(50)]
        assert seen[0][0] == "MISS"
        assert Counter(how for how, _ in seen)["MISS"] <= 1 + PURGES
        assert len({answer.content for _, answer in seen}) == 1
        assert {answer.status_code for _, answer in seen} == {200}
        assert not {"surrogate-key", "xkey"} & set(seen[0][1].headers)


def test_each_browser_gets_the_format_that_it_takes(shop: Shop) -> None:
    medium = shop.picture(91)
    path = shop.call("POST", f"/media/{medium['_id']}/links", json={"preset": "thumb"})["url"].removeprefix(
        shop.edge.url
    )
    asked = {"image/avif,image/webp,*/*": "image/avif", "image/webp,image/*": "image/webp", "*/*": "image/jpeg"}
    for _ in range(2):
        assert {accept: shop.hit(path, accept=accept)[1].headers["content-type"] for accept in asked} == asked


def test_ranges_come_from_what_is_kept(shop: Shop) -> None:
    medium = shop.picture(92)
    path = shop.call("POST", f"/media/{medium['_id']}/links", json={})["url"].removeprefix(shop.edge.url)
    whole = shop.hit(path)[1].content
    seen = [shop.hit(path, range="bytes=10-19") for _ in range(10)]
    assert {(part.status_code, part.content) for _, part in seen} == {(206, whole[10:20])}
    assert Counter(how for how, _ in seen)["HIT"] >= 10 - PURGES


def test_a_write_is_seen_through_the_edge(shop: Shop) -> None:
    product = shop.product()
    path = shop.path(product)
    shop.hit(path)
    took = []
    for number in range(50):
        shop.call("PATCH", f"/products/{product['_id']}", json={"name": f"Stool {number}"})
        took.append(until_seen(shop, path, lambda answer, name=f"Stool {number}": answer.json()["name"] == name))
    ordered = sorted(took)
    print(f"\n{shop.edge.kind}: seen after {statistics.median(took) * 1000:.0f} ms, p99 {ordered[-1] * 1000:.0f} ms")


def test_lists_change_with_their_items_and_others_stay(shop: Shop) -> None:
    other = shop.path(shop.product(name="Other"))
    path = f"/api/v1/public/{shop.tenant}/products?sort=-createdAt&limit=3"
    shop.hit(path)
    new = shop.product(name="New")
    until_seen(shop, path, lambda answer: answer.json()["data"][0]["_id"] == new["_id"])
    seen = []
    for number in range(10):
        shop.call("PATCH", f"/products/{new['_id']}", json={"name": f"Newer {number}"})
        until_seen(shop, path, lambda answer, name=f"Newer {number}": answer.json()["data"][0]["name"] == name)
        seen.append(shop.hit(other)[0])
    assert seen.count("HIT") >= 10 - PURGES


def test_a_deleted_picture_and_an_unpublished_catalogue_are_gone(shop: Shop) -> None:
    medium, product = shop.picture(93), shop.product()
    path = shop.call("POST", f"/media/{medium['_id']}/links", json={})["url"].removeprefix(shop.edge.url)
    assert shop.hit(path)[1].status_code == 200
    shop.call("DELETE", f"/media/{medium['_id']}")
    until_seen(shop, path, lambda answer: answer.status_code == 404)
    assert shop.hit(shop.path(product))[1].status_code == 200
    shop.call("PATCH", "/tenant", json={"settings": {"publish": False}})
    until_seen(shop, shop.path(product), lambda answer: answer.status_code == 404)
    shop.call("PATCH", "/tenant", json={"settings": {"publish": True}})
    until_seen(shop, shop.path(product), lambda answer: answer.status_code == 200)


def test_the_node_tells_how_the_edge_does(shop: Shop) -> None:
    def known() -> bool:  # it was started after the node, which believes no single answer
        return bool(httpx.get(shop.node.url + "/api/health").json()["components"]["cdn"]["status"] == "up")

    until(known, 15, "the edge is not told as up", retried=httpx.HTTPError)
    told = {finding["check"]: finding["result"] for finding in _doctor(shop)}
    assert (told["cdn links"], told["cdn purges"]) == ("ok", "ok")


def test_an_operator_purges_it(shop: Shop) -> None:
    path = shop.path(shop.product())
    until(lambda: shop.hit(path)[0] == "HIT", 5, "it is not kept", retried=httpx.HTTPError)
    done = shop.node.cli("cache", "purge", "--tenant", shop.tenant)
    assert done.returncode == 0, done.stderr
    assert shop.hit(path)[0] == "MISS"


def test_writes_do_not_wait_for_an_edge_that_is_down_and_it_hears_of_them_later(shop: Shop) -> None:
    product = shop.product()
    path = shop.path(product)
    shop.hit(path)
    assert shop.edge.member is not None
    shop.edge.member.freeze()
    try:
        began = time.monotonic()
        for number in range(5):
            shop.call("PATCH", f"/products/{product['_id']}", json={"name": f"Late {number}"})
        assert time.monotonic() - began < 1
        assert httpx.get(shop.node.url + "/readyz").status_code == 200
    finally:
        shop.edge.member.thaw()
    deadline = time.monotonic() + 15
    while shop.visitor.get(path).json()["name"] != "Late 4":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _doctor(shop: Shop) -> list[dict[str, str]]:

    return list(json.loads(shop.node.cli("doctor", "--json").stdout))
