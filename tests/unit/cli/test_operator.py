"""Who is at the terminal, and of which deployment the settings are."""

from pathlib import Path

import pytest

from gigaday.cli.operator import settings_of, whoami
from gigaday.cli.session import Load
from gigaday.errors import GigadayError
from gigaday.lab.laboratory import Lab


def test_a_user_is_named_with_the_host() -> None:
    user, host = whoami().split("@")
    assert user and host


def test_a_laboratory_that_is_named_brings_the_settings_of_its_nodes(tmp_path: Path, load: Load) -> None:
    assert settings_of(None, load) is load
    Lab(tmp_path).learn(settings={"PORT": "9999"})
    settings = settings_of(tmp_path, load)()
    assert (settings.port, settings.data_dir) == (9999, tmp_path / "operator")


def test_where_no_laboratory_is_that_is_told(tmp_path: Path, load: Load) -> None:
    with pytest.raises(GigadayError, match="gigaday lab up"):
        settings_of(tmp_path / "none", load)()
