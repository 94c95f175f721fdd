from pathlib import Path

import pytest

from gigaday.backends.folder import FolderStore
from gigaday.errors import ObjectMissing
from gigaday.imaging.source import Sources

KEY = "media/shop/01/a"


async def chunks(data: bytes):
    for at in range(0, len(data), 1_000):
        yield data[at : at + 1_000]


@pytest.fixture
async def store(tmp_path):
    store = FolderStore(tmp_path)
    await store.put(KEY, chunks(b"picture" * 1_000), "image/png")
    return store


async def test_where_objects_are_files_it_is_read_as_it_lies(store):
    async with Sources(store, store).file(KEY, 7_000) as path:
        assert Path(path) == store.file(KEY)


async def test_elsewhere_it_is_copied_and_the_copy_goes_again(store):
    async with Sources(store).file(KEY, 7_000) as path:
        assert Path(path).read_bytes() == b"picture" * 1_000
        assert Path(path) != store.file(KEY)
        assert Path(path).stat().st_mode & 0o077 == 0
    assert not Path(path).exists()


@pytest.mark.parametrize("local", [True, False])
async def test_what_is_gone_is_told(store, local):
    with pytest.raises(ObjectMissing):
        async with Sources(store, store if local else None).file("media/shop/01/b", 7_000):
            pass
