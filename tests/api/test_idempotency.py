"""What a retry meets after a failure in the middle: the store loses an answer once, or the node dies."""

import httpx

from gigaday import compose, settings
from gigaday.contracts import Insert
from gigaday.errors import BackendDown
from gigaday.ops.health import Health


class LosesAnAnswer:
    """A store that applies an insert into products and then claims to be down, once."""

    def __init__(self, store) -> None:
        self._store, self.armed = store, True

    async def write(self, collection, owner, writes):
        outcome = await self._store.write(collection, owner, writes)
        if self.armed and collection.name == "products" and isinstance(writes[0], Insert):
            self.armed = False
            raise BackendDown("the answer was lost")
        return outcome

    def __getattr__(self, name):
        return getattr(self._store, name)


async def test_a_retry_after_a_lost_answer_finds_the_one_product(tmp_path):
    configured = settings.load({"GIGADAY_DATA_DIR": str(tmp_path)})
    async with compose.open_backends(configured) as real:
        backends = compose.Backends(LosesAnAnswer(real.documents), real.objects, real.cache, real.buckets, real.clock)
        work = compose.tenancy(backends, configured)
        await work.create_tenant("acme", "Acme", "unlimited")
        _, token = await work.create_token("acme", "test")
        made = compose.operations(backends, work, configured)
        app = compose.node(backends, configured, Health({}, real.clock), made, work)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as http:
            lost = await http.post("/api/v1/products", json={"name": "x"}, headers=headers)
            again = await http.post("/api/v1/products", json={"name": "x"}, headers=headers)
            listed = await http.get("/api/v1/products", headers=headers)
    assert (lost.status_code, lost.headers["retry-after"]) == (503, "1")
    assert again.status_code == 201
    assert [item["_id"] for item in listed.json()["data"]] == [again.json()["_id"]]
