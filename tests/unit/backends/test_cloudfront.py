"""CloudFront, by botocore's own client against a server that speaks its API's XML."""

import re
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gigaday.backends.cloudfront import MOST_WILDCARDS, PING_SECONDS, CloudFront
from gigaday.backends.cloudfront_signer import CloudFrontSigner
from gigaday.contracts import Delivery
from gigaday.errors import BackendBusy, BackendDown
from tests.clocks import HandClock
from tests.servers import free_ports

PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
EXPIRES = 1_800_000_000
_NS = 'xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"'
_DONE = f"<Invalidation {_NS}><Id>I1</Id><Status>InProgress</Status></Invalidation>"
_THERE = f"<Distribution {_NS}><Id>D1</Id><Status>Deployed</Status></Distribution>"
_FAULT = (
    f"<ErrorResponse {_NS}><Error><Type>Sender</Type><Code>{{}}</Code><Message>no</Message></Error></ErrorResponse>"
)


class Api:
    """Takes invalidations, unless `fault` names why not."""

    def __init__(self) -> None:
        self.paths: list[list[str]] = []
        self.references: list[str] = []
        self.asked: list[str] = []
        self.fault: tuple[int, str] | None = None
        self.url = ""

    def answer(self, path: str, body: str) -> tuple[int, str]:
        self.asked.append(path)
        if self.fault is not None:
            return self.fault[0], _FAULT.format(self.fault[1])
        if not path.endswith("/invalidation"):
            return 200, _THERE
        self.paths.append(re.findall(r"<Path>(.*?)</Path>", body))
        self.references += re.findall(r"<CallerReference>(.*?)</CallerReference>", body)
        assert f"<Quantity>{len(self.paths[-1])}</Quantity>" in body
        return 201, _DONE


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = api.answer(self.path, self.rfile.read(int(self.headers.get("content-length") or 0)).decode())
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield api
    server.shutdown()
    server.server_close()


def cloudfront(url: str, clock: HandClock) -> CloudFront:
    return CloudFront(
        "https://cdn.example.com/", "D1", CloudFrontSigner("K1", PEM), clock,
        access_key_id="a", secret_access_key="s", api=url,
    )  # fmt: skip


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def cdn(api: Api, clock: HandClock) -> AsyncIterator[CloudFront]:
    made = cloudfront(api.url, clock)
    yield made
    await made.close()


async def test_a_purge_invalidates_paths_of_the_distribution(cdn: CloudFront, api: Api) -> None:
    await cdn.purge(["acme/products/p1"])
    assert api.asked == ["/2020-05-31/distribution/D1/invalidation"]
    assert api.paths == [["/api/v1/public/acme/products/p1*"]]


async def test_each_invalidation_is_one_of_its_own(cdn: CloudFront, api: Api) -> None:
    for _ in range(2):
        await cdn.purge(["acme/products/p1"])
    assert len(set(api.references)) == 2


async def test_no_batch_is_over_the_quota(cdn: CloudFront, api: Api) -> None:
    await cdn.purge([f"t{number % 3}/products/p{number}" for number in range(500)])
    [paths] = api.paths
    assert sum(path.endswith("*") for path in paths) <= MOST_WILDCARDS


async def test_tags_without_paths_cost_nothing(cdn: CloudFront, api: Api) -> None:
    await cdn.purge(["operator/tokens/x", "acme/media/"])
    assert api.asked == []


@pytest.mark.parametrize("code", ["TooManyInvalidationsInProgress", "Throttling"])
async def test_what_there_is_no_room_for_yet_can_be_tried_again(cdn: CloudFront, api: Api, code: str) -> None:
    api.fault = (400, code)
    with pytest.raises(BackendBusy, match=code):
        await cdn.purge(["acme"])
    api.fault = None
    await cdn.purge(["acme"])
    assert len(api.paths) == 1


async def test_a_refusal_is_an_outage_that_names_itself(cdn: CloudFront, api: Api) -> None:
    api.fault = (403, "AccessDenied")
    with pytest.raises(BackendDown, match="AccessDenied"):
        await cdn.ping()


async def test_an_api_that_does_not_answer_is_an_outage(clock: HandClock) -> None:
    cdn = cloudfront(f"http://127.0.0.1:{free_ports(1)[0]}", clock)
    with pytest.raises(BackendDown):
        await cdn.purge(["acme"])
    await cdn.close()


async def test_a_ping_asks_now_and_then(cdn: CloudFront, api: Api, clock: HandClock) -> None:
    for _ in range(3):
        await cdn.ping()
    assert api.asked == ["/2020-05-31/distribution/D1"]
    clock.time += PING_SECONDS
    await cdn.ping()
    assert len(api.asked) == 2


def test_an_original_that_not_everyone_may_see_comes_from_the_bucket(clock: HandClock) -> None:
    link = cloudfront("", clock).link(
        Delivery(
            "/files/x?signature=y", "text/plain; charset=utf-8", 'inline; filename="a b.txt"', "media/a/1", EXPIRES
        )
    )
    parts = urlsplit(link)
    told = parse_qs(parts.query)
    assert (parts.netloc, parts.path) == ("cdn.example.com", "/media/a/1")
    assert told["response-content-type"] == ["text/plain; charset=utf-8"]
    assert told["response-content-disposition"] == ['inline; filename="a b.txt"']
    assert (told["Expires"], told["Key-Pair-Id"]) == ([str(EXPIRES)], ["K1"])


@pytest.mark.parametrize(("key", "expires"), [(None, EXPIRES), ("media/a/1", None)])
def test_what_is_public_or_rendered_comes_through_the_nodes(
    clock: HandClock, key: str | None, expires: int | None
) -> None:
    link = cloudfront("", clock).link(Delivery("/files/x?preset=small", "image/png", "inline", key, expires))
    assert link == "https://cdn.example.com/files/x?preset=small"


def test_cookies_are_for_the_clients_address(clock: HandClock) -> None:
    assert set(cloudfront("", clock).cookies("/media/a/*", EXPIRES)) == {
        "CloudFront-Policy", "CloudFront-Signature", "CloudFront-Key-Pair-Id"
    }  # fmt: skip
