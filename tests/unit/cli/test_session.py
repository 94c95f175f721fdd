"""Back ends are open while a command works, and closed after it."""

from pathlib import Path
from typing import TYPE_CHECKING

from gigaday.cli.session import Load, with_backends, with_tenancy

if TYPE_CHECKING:
    from gigaday.compose import Backends
    from gigaday.ops.tenancy import Tenancy
    from gigaday.settings import Settings


def test_what_one_command_writes_the_next_one_reads(load: Load, tmp_path: Path) -> None:
    async def write(service: "Tenancy") -> None:
        await service.create_tenant("acme", "Acme")

    async def read(service: "Tenancy") -> str:
        return str((await service.get_tenant("acme"))["name"])

    with_tenancy(load, write)
    assert with_tenancy(load, read) == "Acme"
    assert any(tmp_path.iterdir())


def test_work_gets_the_settings_and_open_back_ends(load: Load, tmp_path: Path) -> None:
    async def use(backends: "Backends", settings: "Settings") -> Path:
        await backends.documents.ping()
        return settings.data_dir

    assert with_backends(load, use) == tmp_path
