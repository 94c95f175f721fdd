"""What the doctor finds of a CDN."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gigaday.errors import BackendDown
from gigaday.ops.doctor_cdn import check_cdn


class Cdn:
    """One that is well, or that takes no purge."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    async def ping(self) -> None:
        if self.fault:
            raise BackendDown(self.fault)


@contextmanager
def answering(status: int, kind: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


async def test_one_that_leads_to_nodes_and_takes_purges_is_well() -> None:
    with answering(404, "application/problem+json") as url:
        assert [finding.ok for finding in await check_cdn(Cdn(), url)] == [True, True]


@pytest.mark.parametrize(
    ("status", "kind"), [(200, "text/html"), (404, "text/html"), (502, "application/problem+json")]
)
async def test_one_that_leads_elsewhere_is_told_with_the_mend(status: int, kind: str) -> None:
    with answering(status, kind) as url:
        links, _ = await check_cdn(Cdn(), url)
    assert not links.ok and str(status) in links.detail and "origin" in links.mend


async def test_one_that_is_not_there_is_told_with_the_mend() -> None:
    links, purges = await check_cdn(Cdn("the cache refuses PURGE with 403"), "http://127.0.0.1:9")
    assert not links.ok and "CDN_ENDPOINT" in links.mend
    assert not purges.ok and "403" in purges.detail and "CDN_PURGE_URLS" in purges.mend
