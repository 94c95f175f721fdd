"""Deleted media: listed, restored, removed for good."""

import pytest

from tests.api.test_media import files, png, scoped, upload


async def restore(api, id: str, **more):
    return await api.call("POST", f"/media/{id}/restore", **more)


async def trashed(api, **more) -> list[str]:
    return [item["_id"] for item in (await api.call("GET", "/media/trash", **more)).json()["data"]]


async def test_what_is_deleted_is_in_the_trash_and_comes_back_as_it_was(api):
    made = await upload(api, png())
    assert (await api.call("DELETE", f"/media/{made['_id']}")).status_code == 204
    assert (await api.call("GET", f"/media/{made['_id']}")).status_code == 404
    assert (await api.call("GET", f"/media/{made['_id']}/content")).status_code == 404
    [told] = (await api.call("GET", "/media/trash")).json()["data"]
    assert {name: told[name] for name in made} == made
    assert told["deletedAt"] < told["expiresAt"]
    assert not {"storageKey", "deletedBy"} & told.keys()
    restored = await restore(api, made["_id"])
    assert restored.status_code == 200
    changed = ("version", "updatedAt")
    assert {**restored.json(), **{name: made[name] for name in changed}} == made
    assert restored.headers["etag"] == (await api.call("GET", f"/media/{made['_id']}")).headers["etag"]
    assert (await api.call("GET", f"/media/{made['_id']}/content")).content == png()
    assert await trashed(api) == []
    assert (await restore(api, made["_id"])).json() == restored.json()


async def test_the_trash_is_paged_and_sorted(api):
    made = [(await upload(api, name.encode(), name=name))["_id"] for name in "abc"]
    for id in reversed(made):
        await api.call("DELETE", f"/media/{id}")
    first = (await api.call("GET", "/media/trash?sort=deletedAt&limit=2")).json()
    rest = (await api.call("GET", f"/media/trash?sort=deletedAt&limit=2&cursor={first['next']}")).json()
    assert [item["_id"] for item in (*first["data"], *rest["data"])] == [*reversed(made)]
    assert rest["next"] is None


async def test_the_trash_of_another_tenant_is_as_if_empty(api):
    made = await upload(api, png())
    await api.call("DELETE", f"/media/{made['_id']}")
    assert await trashed(api, token=api.other) == []
    for method, path in (("POST", f"/media/{made['_id']}/restore"), ("DELETE", f"/media/trash/{made['_id']}")):
        assert (await api.call(method, path, token=api.other)).status_code == 404
    assert await trashed(api) == [made["_id"]]


@pytest.mark.parametrize("id", ["junk", "0" * 26, "trash"])
async def test_what_was_never_there_cannot_be_restored(api, id):
    for method, path in (("POST", f"/media/{id}/restore"), ("DELETE", f"/media/trash/{id}")):
        assert (await api.call(method, path)).status_code == 404


async def test_restoring_needs_leave_to_write(api):
    made = await upload(api, png())
    await api.call("DELETE", f"/media/{made['_id']}")
    token = await scoped(api, "media:read")
    assert (await restore(api, made["_id"], token=token)).status_code == 403
    assert (await api.call("DELETE", f"/media/trash/{made['_id']}", token=token)).status_code == 403
    assert await trashed(api, token=token) == [made["_id"]]


async def test_what_is_removed_for_good_is_gone(api, tmp_path):
    made = await upload(api, png())
    await api.call("DELETE", f"/media/{made['_id']}")
    assert (await api.call("DELETE", f"/media/trash/{made['_id']}")).status_code == 204
    assert await trashed(api) == []
    assert (await restore(api, made["_id"])).status_code == 404
    assert files(tmp_path) == []
