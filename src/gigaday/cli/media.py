"""`gigaday media`: deletes what nothing needs, checks what is stored, and renders images beforehand."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, Parameter

from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load, with_backends

if TYPE_CHECKING:
    from gigaday.compose import Backends
    from gigaday.settings import Settings

Flag = Annotated[bool, Parameter(negative="")]
Hours = Annotated[float, Parameter(help="Bytes younger than so many hours are left alone.")]
Tenant = Annotated[str | None, Parameter(help="This tenant alone.")]
Format = Literal["avif", "webp", "jpeg", "png", "auto"]


def register(app: App, load: Load) -> None:
    """Adds the group to `app`; `load` reads the settings when a command runs."""
    media = App(name="media", help="Delete what nothing needs, check what is stored, render images beforehand.")
    app.command(media)

    @media.command
    def reap(*, dry_run: Flag = False, grace: Hours = 24.0, json: AsJson = False) -> None:
        """Delete uploads that expired, media whose time in the trash is over, and bytes that no record points at.

        Nodes do the same by themselves, a little at a time. It may run while they serve.

        Parameters
        ----------
        dry_run
            Tell what would go, and why, and delete nothing.
        """
        found = with_backends(load, lambda backends, _: _reap(backends, dry_run, grace))
        show(found, json)
        objects, size = (sum(row[name] for row in found) for name in ("objects", "bytes"))
        note(f"{objects} objects of {size:,} bytes {'would go' if dry_run else 'are gone'}.")

    @media.command
    def verify(*, tenant: Tenant = None, mend: Flag = False, json: AsJson = False) -> None:
        """Read every file again and compare it with its record, and count again what each tenant has stored.

        Exit status 1 where bytes are missing or are others, or a count is wrong.

        Parameters
        ----------
        mend
            Correct counts that are wrong. Bytes cannot be mended: bring them back from a backup.
        """
        result = with_backends(load, lambda backends, settings: _verify(backends, settings, tenant, mend))
        show(result, json)
        for fault in result["faults"]:
            note(f"{fault['fault']}: {fault['filename']} ({fault['tenant']}/{fault['id']}) {fault['detail']}")
        if result["faults"] or (result["miscounted"] and not mend):
            sys.exit(1)

    @media.command
    def warm(
        *,
        tenant: str,
        preset: list[str] | None = None,
        format: list[Format] | None = None,
        at_once: int = 2,
        json: AsJson = False,
    ) -> None:
        """Render the images of a tenant, so that nobody waits for the first of each size.

        Exit status 1 where one cannot be rendered.

        Parameters
        ----------
        preset
            The names of presets; all that the tenant has unless given.
        format
            For presets that leave it open; unless given AVIF, WebP and what clients get that take neither.
        at_once
            So many images at a time.
        """
        result = with_backends(
            load, lambda backends, settings: _warm(backends, settings, tenant, preset or [], format or [], at_once)
        )
        show(result, json)
        if result["faults"]:
            sys.exit(1)


async def _reap(backends: "Backends", dry: bool, hours: float) -> list[dict[str, Any]]:
    import msgspec

    from gigaday.cli.media_progress import bar
    from gigaday.compose import media
    from gigaday.ops import reaping

    with bar("looking" if dry else "reaping", None, "items") as shown:
        reaper = media.reaper(backends, grace=hours * 3600, dry=dry, seen=shown.advance)
        return [msgspec.to_builtins(reaped) async for reaped in reaping.run(backends.documents, reaper)]


async def _verify(backends: "Backends", settings: "Settings", tenant: str | None, mend: bool) -> dict[str, Any]:
    import msgspec

    from gigaday import compose
    from gigaday.cli.media_progress import bar
    from gigaday.ops.media_verify import Verify
    from gigaday.ops.quota import Quota
    from gigaday.ops.reaping import tenants

    verify = Verify(backends.documents, backends.objects, Quota(backends.documents))
    if tenant is not None:
        await compose.tenancy(backends, settings).get_tenant(tenant)
    named = [tenant] if tenant is not None else [name async for name in tenants(backends.documents)]
    total = sum([await verify.bytes_of(name) for name in named])
    with bar("verifying", total, "bytes") as shown:
        faults = [msgspec.to_builtins(fault) for name in named async for fault in verify.faults(name, shown.advance)]
    counts = [counted for name in named if (counted := await verify.count(name)).drift]
    if mend:
        for counted in counts:
            await verify.mend(counted)
    miscounted = [{**msgspec.to_builtins(counted), "mended": mend} for counted in counts]
    return {"tenants": len(named), "bytes": total, "faults": faults, "miscounted": miscounted}


async def _warm(
    backends: "Backends", settings: "Settings", tenant: str, names: list[str], formats: list[Format], at_once: int
) -> dict[str, Any]:
    import msgspec

    from gigaday import compose
    from gigaday.cli.media_progress import bar
    from gigaday.ops.media_warm import FORMATS, Warm
    from gigaday.rules import presets

    of_tenant = (await compose.tenancy(backends, settings).get_tenant(tenant))["settings"]
    chosen = {name: presets.find(name, of_tenant) for name in names} or presets.of(of_tenant)
    counting = Warm(backends.documents, backends.images, at_once)
    open_ended = sum(spec.format == "auto" for spec in chosen.values())
    each = open_ended * len(formats or FORMATS) + len(chosen) - open_ended
    with bar("rendering", await counting.count(tenant) * each, "items") as shown:
        warm = Warm(backends.documents, backends.images, at_once, shown.advance)
        warmed = await warm.run(tenant, chosen, formats or FORMATS)
    result: dict[str, Any] = msgspec.to_builtins(warmed)
    return {"tenant": tenant, "presets": list(chosen), **result}
