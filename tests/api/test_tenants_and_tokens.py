from dataclasses import replace

import httpx
import pytest

from gigaday import compose, settings
from gigaday.errors import BackendDown
from gigaday.ops.health import Health


class LosesAnAnswer:
    """A store that applies the first write to the named collection and then claims to be down."""

    def __init__(self, store, name: str) -> None:
        self._store, self._name = store, name

    async def write(self, collection, owner, writes):
        outcome = await self._store.write(collection, owner, writes)
        if collection.name == self._name:
            self._name = ""
            raise BackendDown("the answer was lost")
        return outcome

    def __getattr__(self, name):
        return getattr(self._store, name)


async def test_a_token_is_shown_once_and_works(api):
    made = (await api.call("POST", "/tokens", json={"name": "shop", "kind": "publishable"})).json()
    assert made["token"].startswith("gd_")
    assert (await api.call("GET", "/products", token=made["token"])).status_code == 200
    assert (await api.call("POST", "/products", token=made["token"], json={"name": "x"})).status_code == 403
    listed = (await api.call("GET", "/tokens")).json()["data"]
    assert made["_id"] in {token["_id"] for token in listed}
    assert all("token" not in token and "digest" not in token for token in listed)


async def test_the_key_may_come_in_either_header(api):
    answer = await api.http.get("/api/v1/products", headers={"X-API-Key": api.token})
    assert answer.status_code == 200


async def test_a_revoked_token_is_refused(api):
    made = (await api.call("POST", "/tokens", json={"name": "shop"})).json()
    assert (await api.call("GET", "/products", token=made["token"])).status_code == 200
    assert (await api.call("DELETE", f"/tokens/{made['_id']}")).status_code == 204
    assert (await api.call("GET", "/products", token=made["token"])).status_code == 401


async def test_a_rotated_token_overlaps_its_successor(api):
    old = (await api.call("POST", "/tokens", json={"name": "shop"})).json()
    new = (await api.call("POST", f"/tokens/{old['_id']}/rotate", json={"overlap": 60})).json()
    assert new["rotatedFrom"] == old["_id"]
    for token in (old["token"], new["token"]):
        assert (await api.call("GET", "/products", token=token)).status_code == 200


async def test_rotating_without_overlap_ends_the_old_one(api):
    old = (await api.call("POST", "/tokens", json={"name": "shop"})).json()
    await api.call("POST", f"/tokens/{old['_id']}/rotate", json={"overlap": 0})
    assert (await api.call("GET", "/products", token=old["token"])).status_code == 401


async def test_tokens_page(api):
    for at in range(4):
        await api.call("POST", "/tokens", json={"name": f"t{at}"})
    first = (await api.call("GET", "/tokens?limit=3")).json()
    rest = (await api.call("GET", f"/tokens?limit=3&cursor={first['next']}")).json()
    assert len({token["_id"] for token in first["data"] + rest["data"]}) == 5
    assert rest["next"] is None


async def test_a_token_of_another_tenant_is_as_if_missing(api):
    theirs = (await api.call("POST", "/tokens", token=api.other, json={"name": "theirs"})).json()
    assert (await api.call("DELETE", f"/tokens/{theirs['_id']}")).status_code == 404
    assert (await api.call("POST", f"/tokens/{theirs['_id']}/rotate", json={})).status_code == 404


async def test_a_tenant_sees_and_names_itself(api):
    assert (await api.call("PATCH", "/tenant", json={"name": "Acme Ltd"})).json()["name"] == "Acme Ltd"
    seen = (await api.call("GET", "/tenant")).json()
    assert (seen["_id"], seen["name"], seen["plan"]) == ("acme", "Acme Ltd", "unlimited")
    assert (await api.call("PATCH", "/tenant", json={"plan": "unlimited"})).status_code == 422


async def test_the_operator_makes_and_suspends_tenants(api):
    made = await api.call("POST", "/admin/tenants", token=api.operator, json={"id": "new", "name": "New"})
    assert made.status_code == 201
    token = (await api.call("POST", "/admin/tenants/new/tokens", token=api.operator, json={"name": "a"})).json()
    assert (await api.call("GET", "/products", token=token["token"])).status_code == 200
    await api.call("PATCH", "/admin/tenants/new", token=api.operator, json={"status": "suspended"})
    answer = await api.call("GET", "/products", token=token["token"])
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    again = await api.call("POST", "/admin/tenants", token=api.operator, json={"id": "new", "name": "New"})
    assert again.status_code == 409
    assert (await api.call("GET", "/products", token=api.operator)).status_code == 403


async def test_plans_carry_limits(api):
    plans = (await api.call("GET", "/admin/plans", token=api.operator)).json()["data"]
    assert all(plan["policy"]["quota"] > 0 for plan in plans)


async def test_a_caller_without_a_plan_has_100_requests_in_15_minutes(api):
    assert (await api.call("GET", "/tenant")).status_code == 200  # known from here on
    answers = [await api.http.get("/api/v1/products") for _ in range(101)]
    assert [answer.status_code for answer in answers] == [401] * 100 + [429]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=100;w=900'
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await api.call("GET", "/products")).status_code == 200


async def test_guessing_is_charged_to_the_address_and_past_the_limit_a_right_token_is_not_even_looked_up(api):
    made = (await api.call("POST", "/tokens", json={"name": "shop"})).json()
    guessed = made["token"][:-8] + "00000000"
    answers = [await api.call("GET", "/products", token=guessed) for _ in range(101)]
    assert [answer.status_code for answer in answers] == [401] * 100 + [429]
    unknown = await api.call("GET", "/products", token=made["token"])
    assert (unknown.status_code, int(unknown.headers["retry-after"]) >= 1) == (429, True)
    assert "ratelimit" in unknown.headers
    assert (await api.call("GET", "/products")).status_code == 200


async def test_a_suspended_tenant_is_limited_by_its_address(api):
    await api.call("POST", "/admin/tenants", token=api.operator, json={"id": "late", "name": "Late"})
    token = (await api.call("POST", "/admin/tenants/late/tokens", token=api.operator, json={"name": "a"})).json()[
        "token"
    ]
    await api.call("PATCH", "/admin/tenants/late", token=api.operator, json={"status": "suspended"})
    answers = [await api.call("GET", "/products", token=token) for _ in range(101)]
    assert [answer.status_code for answer in answers] == [403] * 100 + [429]


async def test_a_token_with_an_end_cannot_make_or_become_one_without(api):
    ending = (await api.call("POST", "/tokens", json={"name": "ending", "expiresIn": 60})).json()
    made = (await api.call("POST", "/tokens", token=ending["token"], json={"name": "next"})).json()
    rotated = (await api.call("POST", f"/tokens/{ending['_id']}/rotate", token=ending["token"], json={})).json()
    assert made["expiresAt"] == rotated["expiresAt"] == ending["expiresAt"]


async def test_a_token_is_made_once_under_a_key(api):
    key = {"Idempotency-Key": "k1"}
    first = (await api.call("POST", "/tokens", json={"name": "shop"}, headers=key)).json()
    again = await api.call("POST", "/tokens", json={"name": "shop"}, headers=key)
    assert (again.status_code, first["_id"] in again.json()["detail"]) == (409, True)
    assert first["token"] not in again.text
    path = "/admin/tenants/acme/tokens"
    made = (await api.call("POST", path, token=api.operator, json={"name": "x"}, headers=key)).json()
    assert made["_id"] != first["_id"]
    again = await api.call("POST", path, token=api.operator, json={"name": "x"}, headers=key)
    assert (again.status_code, made["_id"] in again.json()["detail"]) == (409, True)
    assert (
        await api.call("POST", "/tokens", json={"name": "x"}, headers={"Idempotency-Key": "a b"})
    ).status_code == 400


async def test_a_token_is_rotated_once(api):
    old = (await api.call("POST", "/tokens", json={"name": "shop"})).json()
    new = (await api.call("POST", f"/tokens/{old['_id']}/rotate", json={})).json()
    again = await api.call("POST", f"/tokens/{old['_id']}/rotate", json={})
    assert (again.status_code, new["_id"] in again.json()["detail"]) == (409, True)
    listed = {token["_id"]: token for token in (await api.call("GET", "/tokens")).json()["data"]}
    assert listed[old["_id"]]["rotatedTo"] == new["_id"]


async def test_other_writes_are_replayed_under_their_key(api):
    key = {"Idempotency-Key": "k1"}
    new = {"id": "new", "name": "New"}
    writes = [
        ("POST", "/admin/tenants", api.operator, {"json": new, "headers": key}),
        ("PATCH", "/admin/tenants/new", api.operator, {"json": {"name": "N"}, "headers": {"Idempotency-Key": "k2"}}),
        ("PATCH", "/tenant", api.token, {"json": {"name": "Acme"}, "headers": key}),
    ]
    for method, path, token, more in writes:
        first, again = [await api.call(method, path, token=token, **more) for _ in range(2)]
        assert first.is_success, first.text
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert again.headers["idempotency-replayed"] == "true"
        other = await api.call(method, path, token=token, **{**more, "json": {**more["json"], "name": "Other"}})
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


async def test_a_revocation_is_replayed_under_its_key(api):
    made = (await api.call("POST", "/tokens", json={"name": "shop"})).json()
    path, key = f"/tokens/{made['_id']}", {"Idempotency-Key": "k1"}
    answers = [await api.call("DELETE", path, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [204, 204]
    assert answers[1].headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(("path", "who"), [("/tenant", "token"), ("/admin/tenants/acme-b", "operator")])
async def test_a_tenant_is_changed_only_at_the_version_that_if_match_names(api, path, who):
    token = getattr(api, who)
    await api.call("POST", "/admin/tenants", token=api.operator, json={"id": "acme-b", "name": "B"})
    read = await api.call("GET", path, token=token)
    guard = {"If-Match": read.headers["etag"]}
    first = await api.call("PATCH", path, token=token, json={"name": "One"}, headers=guard)
    assert (first.status_code, first.headers["etag"] != guard["If-Match"]) == (200, True)
    late = await api.call("PATCH", path, token=token, json={"name": "Two"}, headers=guard)
    assert (late.status_code, late.json()["code"]) == (412, "precondition_failed")
    assert (await api.call("GET", path, token=token)).json()["name"] == "One"


@pytest.mark.parametrize(
    ("lost", "path", "body", "again"),
    [
        ("tenants", "/admin/tenants", {"id": "new", "name": "New"}, 201),
        ("tokens", "/admin/tenants/acme/tokens", {"name": "shop"}, 409),
    ],
)
async def test_what_was_made_although_its_answer_was_lost_is_made_once(tmp_path, lost, path, body, again):
    configured = settings.load({"GIGADAY_DATA_DIR": str(tmp_path)})
    async with compose.open_backends(configured) as real:
        work = compose.tenancy(real, configured)
        await work.create_tenant("acme", "Acme")
        headers = {"Authorization": f"Bearer {await work.operator_token()}", "Idempotency-Key": "k"}
        backends = replace(real, documents=LosesAnAnswer(real.documents, lost))
        work = compose.tenancy(backends, configured)
        made = compose.operations(backends, work, configured)
        app = compose.node(backends, configured, Health({}, real.clock), made)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t/api/v1") as http:
            answers = [await http.post(path, json=body, headers=headers) for _ in range(2)]
            other = await http.post(path, json={**body, "name": "Other"}, headers=headers)
    assert [answer.status_code for answer in answers] == [503, again]
    assert other.status_code in (409, 422)
