"""The written docs agree with the code."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from gigaday.api import error_texts, openapi, resource
from gigaday.api.declaration import Origin
from gigaday.contracts import Clock, DocumentStore

DOCS = Path(__file__).parents[2] / "docs"
# Making operations calls neither the store nor the clock.
UNUSED = Origin(cast(DocumentStore, None), cast(Clock, None), b"key")
PAGES = sorted(DOCS.rglob("*.md"))


def test_every_error_code_has_its_section() -> None:
    sections = re.findall(r"^## (\w+)$", (DOCS / "errors.md").read_text(), re.MULTILINE)
    assert sections == [kind.code for kind in error_texts.kinds()]


def test_the_errors_page_is_as_the_code_makes_it() -> None:
    assert (DOCS / "errors.md").read_text() == error_texts.markdown()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+\.md)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if not (page.parent / link).is_file()]
    assert missing == []


def test_the_resource_of_the_how_to_works_as_it_stands() -> None:
    (source,) = re.findall(r"```python\n(.*?)```", (DOCS / "how-to" / "new-resource.md").read_text(), re.DOTALL)
    module = ModuleType("reviews")
    sys.modules[module.__name__] = module  # msgspec resolves annotations in their module
    try:
        exec(compile(source, "reviews", "exec"), module.__dict__)
        made = resource.operations(module.RESOURCE, UNUSED)
    finally:
        del sys.modules[module.__name__]
    assert {(operation.method, operation.path) for operation in made} >= {
        ("GET", "/api/v1/reviews"),
        ("POST", "/api/v1/reviews"),
        ("PATCH", "/api/v1/reviews/{id}"),
        ("POST", "/api/v1/reviews/batch"),
    }
    assert b"NewReview" in openapi.document(made, "1")


@pytest.mark.parametrize("page", [DOCS.parent / "README.md", *PAGES], ids=lambda page: page.name)
def test_shell_blocks_are_run_or_say_why_not(page: Path) -> None:
    """`tests/live/shell_page.py` runs `sh` blocks; one of another name would pass by it."""
    assert (
        re.findall(r"^```(bash|shell|console|zsh)?$\n\s*\$?\s*(?:gigaday|curl|make)\b", page.read_text(), re.MULTILINE)
        == []
    )
    assert re.findall(r"<!-- not run(?!: \S.*? -->\n```sh\n).*", page.read_text()) == []
