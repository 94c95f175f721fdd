"""The work of `gigaday import` and `gigaday export`, and how it ends."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

from gigaday.cli import transfer
from gigaday.cli.output import note, show
from gigaday.contracts import OPERATOR, Clock, DocumentStore
from gigaday.errors import BackendDown, GigadayError
from gigaday.model.product import PRODUCTS, Product
from gigaday.model.tenant import TENANTS
from gigaday.ops import exporter, importer
from gigaday.ops.importer import Tally, Validate
from gigaday.ops.rows import Format, RowFile
from gigaday.rules import mapping as mappings
from gigaday.rules import times

REJECTED, UNUSABLE, INTERRUPTED = 1, 2, 130
FIELDS = ("_id", *(name for name in Product.__struct_encode_fields__ if name != "_id"))


class UnknownTenant(GigadayError):
    """No tenant has that id."""


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
