"""The shape of the source: who may import whom, how long a file may be, and that each module has its test."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "gigaday"
TESTS = ROOT / "tests"
MOST_LINES = 300

DRIVERS = {"pymongo", "bson", "gridfs", "obstore", "sqlite3", "aiosqlite", "apsw", "redis", "glide", "boto3",
           "botocore"}  # fmt: skip

ALLOWED = {
    "errors": set(),
    "contracts": {"errors"},
    "model": {"contracts", "errors"},
    "rules": {"model", "contracts", "errors"},
    "ops": {"rules", "model", "contracts", "errors"},
    "edge": {"ops", "rules", "model", "contracts", "errors"},
    "api": {"ops", "rules", "model", "contracts", "errors"},
    "console": {"ops", "rules", "model", "contracts", "errors"},
    "resilience": {"rules", "model", "contracts", "errors"},
    "caching": {"rules", "model", "contracts", "errors"},
    "limiting": {"rules", "model", "contracts", "errors"},
    "backends": {"rules", "model", "contracts", "errors"},
    "imaging": {"rules", "model", "contracts", "errors"},
    "settings": {"rules", "errors"},
    "compose": {"settings", "edge", "api", "console", "backends", "resilience", "caching", "limiting", "imaging", "ops",
                "rules", "model", "contracts", "errors"},
    "lab": {"ops", "rules", "model", "contracts", "errors"},
    "cli": {"compose", "lab", "imaging", "settings", "ops", "rules", "model", "contracts", "errors"},
    "asgi": {"compose", "settings"},
}  # fmt: skip
"""Each part of the package, and the parts that it may import besides itself."""

_SERVERS = ("cdn", "haproxy", "mongod", "node", "programs", "prometheus", "redis", "swift")

TESTED_ELSEWHERE = {
    "asgi": "live",  # only meaningful in a served process
    # Every test there runs the whole pipeline that it wires.
    **dict.fromkeys(
        (
            "compose.backends",
            "compose.delivery",
            "compose.guards",
            "compose.imaging",
            "compose.node",
            "compose.objects",
            "compose.resources",
            "compose.services",
        ),
        "api",
    ),
    "cli.server": "live",  # what signals do to processes
    "compose.shared": "live",
    # They drive real servers, all of which tests/live/test_lab.py brings up, hurts and ends; more of them do so.
    **dict.fromkeys(("cli.lab_folder", "lab.raising", "lab.roles", "lab.scale"), "live"),
    **dict.fromkeys((f"lab.servers.{name}" for name in _SERVERS), "live"),
    # They break a laboratory that runs.
    **dict.fromkeys(
        (f"lab.chaos.{name}" for name in ("crowds", "data_faults", "full_disk", "host_faults", "node_faults")), "chaos"
    ),
    **dict.fromkeys((f"lab.chaos.{name}" for name in ("overload", "runner", "tenants")), "chaos"),
    **dict.fromkeys(("lab.healing", "lab.chaos.experiment", "lab.chaos.steady"), "chaos"),
    **dict.fromkeys(("cli.chaos", "cli.lab_fault"), "chaos"),
    # What every resource derives from its declaration is tested through the pipeline.
    **dict.fromkeys(("api.batch", "api.declaration", "api.export", "api.operation", "api.reading"), "api"),
    **dict.fromkeys(("api.resource", "api.router", "api.writing"), "api"),
}
"""Modules whose behaviour a whole suite of tests covers; each names the folder."""

PLAIN_DATA = {"contracts", "errors"}
"""Parts without behaviour of their own; so are those of `model` that define no function."""


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sorted(SOURCE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def part(module: str) -> str:
    return module.split(".")[0]


def imported(tree: ast.AST) -> Iterator[str]:
    """Every absolute module name that `tree` imports; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(module: str) -> set[str]:
    """The modules of this package that `module` imports."""
    names = (name.removeprefix("gigaday.") for name in imported(TREES[module]) if name.startswith("gigaday."))
    return {name for name in names if name in MODULES} - {module}


def test_every_part_has_a_place_in_the_order() -> None:
    assert {part(name) for name in MODULES} - {"__init__", "gigaday"} <= set(ALLOWED)


@pytest.mark.parametrize("module", [name for name in MODULES if part(name) in ALLOWED])
def test_imports_go_one_way(module: str) -> None:
    reached = {part(name) for name in ours(module)} - {part(module)}
    assert reached <= ALLOWED[part(module)], f"{module} may not import {sorted(reached - ALLOWED[part(module)])}"


def test_stages_of_the_edge_never_import_each_other() -> None:
    stages = {name for name in MODULES if name.startswith("edge.") and defines(name, "Stage")}
    crossing = {f"{name} -> {other}" for name in stages for other in ours(name) & stages}
    assert len(stages) >= 4
    assert not crossing


def defines(module: str, class_name: str) -> bool:
    return any(isinstance(node, ast.ClassDef) and node.name == class_name for node in TREES[module].body)


def test_only_backends_import_drivers_and_what_starts_the_servers_themselves() -> None:
    offenders = {
        f"{module} -> {name}"
        for module in MODULES
        for name in imported(TREES[module])
        if name.split(".")[0] in DRIVERS and part(module) != "backends" and not module.startswith("lab.servers.")
    }
    assert not offenders


def test_only_settings_reads_the_environment() -> None:
    offenders = {
        module
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.Name)
        and (node.attr if isinstance(node, ast.Attribute) else node.id) in {"environ", "environb", "getenv"}
    }
    assert offenders <= {"settings"}


def test_no_circles() -> None:
    graph = {module: {name for name in ours(module) if MODULES[name].stem != "__init__"} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


@pytest.mark.parametrize("module", MODULES)
def test_no_file_is_long(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is(module: str) -> None:
    assert ast.get_docstring(TREES[module])


@pytest.mark.parametrize("module", [name for name, path in MODULES.items() if path.stem != "__init__"])
def test_every_module_has_its_test(module: str) -> None:
    assert is_plain(module) or any(covering(module)), f"write tests/unit/{module.replace('.', '/test_')}.py"


def is_plain(module: str) -> bool:
    behaves = any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(TREES[module]))
    return part(module) in PLAIN_DATA or (part(module) == "model" and not behaves)


def covering(module: str) -> Iterator[Path]:
    """A test file of the module's own name, one of the wider suites naming it, or the suite that stands for it."""
    *folders, name = module.split(".")
    own = TESTS.joinpath("unit", *folders, f"test_{name}.py")
    if own.exists():
        yield own
    for suite in ("contracts", "api", "live"):
        yield from (TESTS / suite).glob(f"test_*{name}*.py")
    if module in TESTED_ELSEWHERE:
        yield from (TESTS / TESTED_ELSEWHERE[module]).glob("test_*.py")
    if folders == ["backends"]:
        yield from contract_suites(module)


def contract_suites(module: str) -> Iterator[Path]:
    """The contract suites that run over a back end, directly or (for a part of one) through the module using it."""
    users = {other for other in MODULES if module in ours(other)} & {m for m in MODULES if part(m) == "backends"}
    for suite in (TESTS / "contracts").glob("*.py"):
        names = set(imported(ast.parse(suite.read_text(encoding="utf-8"))))
        if names & {f"gigaday.{name}" for name in {module, *users}}:
            yield suite
