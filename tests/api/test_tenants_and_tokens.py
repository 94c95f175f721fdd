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
    answers = [await api.http.get("/api/v1/products") for _ in range(101)]
    assert [answer.status_code for answer in answers] == [401] * 100 + [429]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=100;w=900'
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await api.call("GET", "/products")).status_code == 200
