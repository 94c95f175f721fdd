"""`gigaday import` and `gigaday export`: a tenant's catalogue from a file, and to one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from gigaday.cli.output import AsJson
from gigaday.cli.session import Load, with_backends

if TYPE_CHECKING:
    from gigaday.compose import Backends
    from gigaday.settings import Settings

Tenant = Annotated[str, Parameter(help="Whose catalogue, by id.")]
File = Annotated[str, Parameter(allow_leading_hyphen=True, help="A path, or - for standard input.")]
Format = Literal["jsonl", "csv"]  # as in ops.rows, which would make `--help` slow
Update = Annotated[bool, Parameter(negative="")]
Output = Annotated[Path | None, Parameter(name=["--output", "-o"], help="A file; standard output unless given.")]


def register(app: App, load: Load) -> None:
    """Adds the commands to `app`; `load` reads the settings when a command runs."""

    @app.command(name="import")
    def import_(
        file: File,
        /,
        *,
        tenant: Tenant,
        mapping: Path | None = None,
        format: Format | None = None,
        update: Update = False,
        rejects: Path | None = None,
        json: AsJson = False,
    ) -> int:
        """Bring the products of FILE into a catalogue: JSON lines or CSV, gzip or not, - for standard input.

        Products are told apart by sku, so an import that was interrupted can be run again without doubles. Rows that
        do not validate are rejected with their reasons; all others get in. Ends with 0 when every row is in, 1 when
        some were rejected, 130 when interrupted.

        Parameters
        ----------
        mapping
            A TOML file that says how a row becomes a product.
        format
            Told by the file's name unless given.
        update
            Let rows change the products that have their sku; what a row does not name stays.
        rejects
            Write rejected rows there as JSON lines: line, sku, errors.
        """
        from gigaday.cli import data

        job = data.ImportJob(file, tenant, mapping, format, update, rejects)

        async def use(backends: "Backends", settings: "Settings") -> None:
            from gigaday import compose

            if (stream := backends.coherence.stream) is not None:
                # Silent between two chunks, it would be taken for a node that may have died, and cost all others trust.
                await stream.start()
            await job.run(backends.documents, backends.clock, compose.product_validator())

        return data.ended(lambda: with_backends(load, use), job, json)

    @app.command
    def export(*, tenant: Tenant, format: Format = "jsonl", output: Output = None) -> int:
        """Write a catalogue as JSON lines or CSV, to standard output unless -o names a file."""
        from gigaday.cli import data

        async def use(backends: "Backends", settings: "Settings") -> None:
            await data.export_file(backends.documents, tenant, format, output)

        return data.ended(lambda: with_backends(load, use))
