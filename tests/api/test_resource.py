"""The shared suite over what ships, and over `reviews`, exactly as the how-to page declares it."""

import re
from pathlib import Path
from types import ModuleType

import httpx
import pytest

from gigaday import compose, settings
from gigaday.api import products
from gigaday.ops.health import Health
from tests.api import resource_suite
from tests.api.conftest import Api

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to" / "new-resource.md"


def reviews() -> ModuleType:
    source = re.search(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    module = ModuleType("reviews")
    exec(compile(source[1], "reviews", "exec"), module.__dict__)
    return module


RESOURCES = {"products": products.RESOURCE, "reviews": reviews().RESOURCE}


@pytest.fixture(params=list(RESOURCES))
def resource(request):
    return RESOURCES[request.param]


@pytest.fixture
def example(resource):
    return resource.example


@pytest.fixture
async def api(tmp_path, resource):
    configured = settings.load({"GIGADAY_DATA_DIR": str(tmp_path)})
    async with compose.open_backends(configured) as backends:
        work = compose.tenancy(backends, configured, [resource])
        tokens = []
        for name in ("acme", "other"):
            await work.create_tenant(name, name, "unlimited")
            tokens.append((await work.create_token(name, "test"))[1])
        made = compose.operations(backends, work, configured, [resource])
        app = compose.node(backends, configured, Health({}, backends.clock), made)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as http:
            yield Api(app, http, *tokens, "")


@pytest.mark.parametrize(
    "behaves",
    [
        resource_suite.it_creates_reads_changes_and_deletes,
        resource_suite.it_pages_without_repeats_or_gaps,
        resource_suite.it_keeps_tenants_apart,
    ],
)
async def test_a_declared_resource(api, resource, example, behaves):
    await behaves(api, resource, example)


@pytest.mark.parametrize("behaves", [resource_suite.it_names_every_fault, resource_suite.it_is_described])
async def test_a_declared_resource_explains_itself(api, resource, behaves):
    await behaves(api, resource)
