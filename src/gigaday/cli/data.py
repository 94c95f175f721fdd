"""`gigaday import` and `gigaday export`: a tenant's catalogue from a file, and to one."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

from cyclopts import App, Parameter

from gigaday.cli import transfer
from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load, with_backends
from gigaday.contracts import OPERATOR, Clock, DocumentStore
from gigaday.errors import BackendDown, GigadayError
from gigaday.model.product import PRODUCTS, Product
from gigaday.model.tenant import TENANTS
from gigaday.ops import exporter, importer
from gigaday.ops.importer import Tally, Validate
from gigaday.ops.rows import Format, RowFile
from gigaday.rules import mapping as mappings
from gigaday.rules import times

if TYPE_CHECKING:
    from gigaday.compose import Backends
    from gigaday.settings import Settings

REJECTED, UNUSABLE, INTERRUPTED = 1, 2, 130
FIELDS = ("_id", *(name for name in Product.__struct_encode_fields__ if name != "_id"))
Tenant = Annotated[str, Parameter(help="Whose catalogue, by id.")]
File = Annotated[str, Parameter(allow_leading_hyphen=True, help="A path, or - for standard input.")]
Update = Annotated[bool, Parameter(negative="")]
Output = Annotated[Path | None, Parameter(name=["--output", "-o"], help="A file; standard output unless given.")]


class UnknownTenant(GigadayError):
    """No tenant has that id."""


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
        job = ImportJob(file, tenant, mapping, format, update, rejects)

        async def use(backends: "Backends", settings: "Settings") -> None:
            from gigaday import compose

            await job.run(backends.documents, backends.clock, compose.product_validator())

        return ended(lambda: with_backends(load, use), job, json)

    @app.command
    def export(*, tenant: Tenant, format: Format = "jsonl", output: Output = None) -> int:
        """Write a catalogue as JSON lines or CSV, to standard output unless -o names a file."""

        async def use(backends: "Backends", settings: "Settings") -> None:
            await export_file(backends.documents, tenant, format, output)

        return ended(lambda: with_backends(load, use))


class ImportJob:
    """One import as asked for; `tally` holds what has been done so far, also when it is cut short."""

    def __init__(
        self,
        file: str,
        tenant: str,
        mapping: Path | None = None,
        format: Format | None = None,
        update: bool = False,
        rejects: Path | None = None,
    ) -> None:
        self.tally = Tally()
        self.seconds = 0.0
        self._file, self._tenant, self._format = file, tenant, format
        self._mapping, self._update, self._rejects = mapping, update, rejects

    async def run(self, store: DocumentStore, clock: Clock, validate: Validate) -> None:
        """Imports. Raises OSError, MappingError, UnknownTenant or BackendDown."""
        mapping = mappings.parse(self._mapping.read_text("utf-8")) if self._mapping else None
        await require_tenant(store, self._tenant)
        err, started = transfer.errors(), clock.monotonic()
        with (
            RowFile.open(self._file, self._format) as file,
            transfer.Rejects(self._rejects, err) as rejects,
            transfer.Meter("import", file.size, err) as meter,
        ):

            def progress(tally: Tally) -> None:
                self.tally, self.seconds = tally, clock.monotonic() - started
                meter.show(tally.read, file.position())

            await importer.import_rows(
                transfer.source(file, mapping),
                store,
                self._tenant,
                validate=validate,
                now=lambda: times.text(clock.now()),
                on_progress=progress,
                on_reject=rejects.add,
                update=self._update,
            )


async def export_file(store: DocumentStore, tenant: str, format: Format, output: Path | None) -> int:
    """Writes the catalogue; returns how many rows. A file appears under its name only once complete."""
    await require_tenant(store, tenant)
    count = 0

    def on_rows(more: int) -> None:
        nonlocal count
        count += more

    chunks = exporter.export(store, PRODUCTS, tenant, FIELDS, format, on_rows=on_rows)
    if output is None:
        await _pour(chunks, sys.stdout.buffer, lambda done: None)
        return count
    part = output.with_name(output.name + ".part")
    try:
        with part.open("wb") as sink, transfer.Meter("export", None, transfer.errors()) as meter:
            await _pour(chunks, sink, lambda done: meter.show(count, done))
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)
    note(f"{count} products of {tenant} are in {output}")
    return count


async def require_tenant(store: DocumentStore, tenant: str) -> None:
    """Raises UnknownTenant, so that a typing error does not fill a catalogue that nobody can see."""
    if not tenant or await store.get(TENANTS, OPERATOR, tenant) is None:
        raise UnknownTenant(f"There is no tenant {tenant!r}; make it with: gigaday tenants create {tenant}")


async def _pour(chunks: AsyncIterator[bytes], sink: BinaryIO, on_bytes: Callable[[int], None]) -> None:
    done = 0
    async for chunk in chunks:
        sink.write(chunk)
        done += len(chunk)
        on_bytes(done)
    sink.flush()


def ended(work: Callable[[], object], job: ImportJob | None = None, as_json: bool = False) -> int:
    """Does the work; the exit code, after showing the tally of `job`."""
    code = outcome(work)
    if job is None or code == UNUSABLE:
        return code
    show(transfer.tally_row(job.tally, job.seconds), as_json)
    if code == INTERRUPTED:
        note("Interrupted. What is counted is in; run the same command again for the rest.")
    return code or (REJECTED if job.tally.rejected else 0)


def outcome(work: Callable[[], object]) -> int:
    """Does the work; how it ended, said in words where it did not end well."""
    try:
        work()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads the output has had enough; without this Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BackendDown as error:
        note(f"The store cannot be reached: {error}. Run the same command again; what was imported so far is kept.")
        return UNUSABLE
    except (mappings.MappingError, UnknownTenant, OSError) as error:
        note(str(error))
        return UNUSABLE
    return 0
