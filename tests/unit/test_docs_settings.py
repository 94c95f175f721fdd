"""What the docs say of settings is what `settings.py` has."""

import re
from pathlib import Path

import pytest
from pydantic_core import to_jsonable_python

from gigaday.settings import CONFIG, NAMES, OURS, Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
REFERENCE = ROOT / "docs" / "settings.md"
NAME = re.compile(rf"\b(?:{'|'.join((*OURS, 'AWS_'))})[A-Z0-9_]*\b|\bCLUSTER_SIZE\b")
ROW = re.compile(r"^\| `([A-Z0-9_]+)` \| (.*?) \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_setting_that_a_page_names_is_one(page: Path) -> None:
    assert set(NAME.findall(page.read_text())) - {*NAMES, CONFIG} == set()


def test_the_reference_has_every_setting_with_its_default() -> None:
    told = {name: default for name, default, _ in ROW.findall(REFERENCE.read_text())}
    assert told == {name: _default(attribute) for name, attribute in NAMES.items()}


def _default(attribute: str) -> str:
    value = to_jsonable_python(Settings.model_fields[attribute].default)
    return "" if value in (None, []) else f"`{str(value).lower() if isinstance(value, bool) else value}`"
