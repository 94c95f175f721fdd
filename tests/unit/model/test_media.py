import msgspec
import pytest

from gigaday.model.media import MEDIA, TRASH, Media, MediaPatch


@pytest.mark.parametrize("name", ["a.png", "Stühle 椅子.png", "..a", ".hidden", "x" * 255])
def test_ordinary_names_may_be_set(name: str) -> None:
    assert msgspec.convert({"filename": name}, MediaPatch).filename == name


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\n", "a\r\nb", "\0", "x\u202ey", "x" * 256, None, 1])
def test_names_that_could_deceive_may_not(name: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"filename": name}, MediaPatch)


def test_alt_may_be_cleared_and_is_bounded() -> None:
    assert msgspec.convert({"alt": None}, MediaPatch).alt is None
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"alt": "x" * 1001}, MediaPatch)


def test_what_the_server_knows_may_not_be_set() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"sha256": "0" * 64}, MediaPatch)


def test_the_storage_key_is_not_answered() -> None:
    assert "storageKey" not in {field.encode_name for field in msgspec.structs.fields(Media)}
    assert msgspec.structs.fields(Media)[0].encode_name == "_id"


def test_every_index_begins_with_the_owner() -> None:
    assert all(index.fields[0] == ("createdBy", 1) for index in (*MEDIA.indexes, *TRASH.indexes))
