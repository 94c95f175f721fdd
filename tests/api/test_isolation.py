"""Two tenants do what they like, in any order; neither ever sees what the other owns."""

import asyncio
import tempfile
from contextlib import AsyncExitStack

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from tests.api.conftest import Api, running

TENANTS = ("acme", "other")
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=1, max_size=8)


class TwoTenants(RuleBasedStateMachine):
    """A model per tenant of what it should see; every step compares."""

    made = Bundle("made")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        environ = {"GIGADAY_DATA_DIR": self.folder.name}
        self.api: Api = self.loop.run_until_complete(self.stack.enter_async_context(running(environ)))
        self.owned: dict[str, dict[str, str]] = {tenant: {} for tenant in TENANTS}

    def call(self, tenant: str, method: str, path: str, **more):
        token = self.api.token if tenant == "acme" else self.api.other
        return self.loop.run_until_complete(self.api.call(method, path, token=token, **more))

    @rule(target=made, tenant=st.sampled_from(TENANTS), name=NAMES)
    def create(self, tenant, name):
        answer = self.call(tenant, "POST", "/products", json={"name": name})
        assert answer.status_code == 201
        self.owned[tenant][answer.json()["_id"]] = name
        return tenant, answer.json()["_id"]

    @rule(item=made, tenant=st.sampled_from(TENANTS))
    def read(self, item, tenant):
        owner, id = item
        answer = self.call(tenant, "GET", f"/products/{id}")
        seen = id in self.owned[owner] and owner == tenant
        assert answer.status_code == (200 if seen else 404)
        assert not seen or answer.json()["name"] == self.owned[tenant][id]

    @rule(item=made, tenant=st.sampled_from(TENANTS), name=NAMES)
    def rename(self, item, tenant, name):
        owner, id = item
        answer = self.call(tenant, "PATCH", f"/products/{id}", json={"name": name})
        if owner == tenant and id in self.owned[owner]:
            assert answer.status_code == 200
            self.owned[owner][id] = name
        else:
            assert answer.status_code == 404

    @rule(item=consumes(made), tenant=st.sampled_from(TENANTS))
    def delete(self, item, tenant):
        owner, id = item
        answer = self.call(tenant, "DELETE", f"/products/{id}")
        mine = owner == tenant and self.owned[owner].pop(id, None) is not None
        assert answer.status_code == (204 if mine else 404)

    @rule(item=made, tenant=st.sampled_from(TENANTS))
    def batch(self, item, tenant):
        owner, id = item
        row = {"op": "update", "id": id, "body": {"category": "touched"}}
        [result] = self.call(tenant, "POST", "/products/batch", json={"rows": [row]}).json()["results"]
        assert (result["status"] == 200) == (owner == tenant and id in self.owned[owner])

    @invariant()
    def each_lists_its_own(self):
        for tenant in TENANTS:
            listed = self.call(tenant, "GET", "/products?limit=100").json()["data"]
            assert {item["_id"]: item["name"] for item in listed} == self.owned[tenant]
            assert {item["createdBy"] for item in listed} <= {tenant}

    def teardown(self):
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()
        self.folder.cleanup()


TwoTenants.TestCase.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
TestTwoTenants = TwoTenants.TestCase
