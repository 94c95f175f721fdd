"""`gigaday doctor`: checks what a node stands on; exits with 1 where anything is wrong."""

import sys
import time
from typing import TYPE_CHECKING

from cyclopts import App

from gigaday.cli.output import AsJson, show
from gigaday.cli.session import Load
from gigaday.errors import BackendError, SettingsError

if TYPE_CHECKING:
    from gigaday.compose import Backends
    from gigaday.ops.doctor import Finding
    from gigaday.settings import Settings


def register(app: App, load: Load) -> None:
    """Adds the command to `app`; `load` reads the settings when it runs."""

    @app.command
    def doctor(*, json: AsJson = False) -> None:
        """Check settings, folders, back ends, CDN, clocks, indexes, replica set and Redis; tell every fault's mend."""
        import asyncio

        findings = asyncio.run(_examine(load))
        show([_row(finding) for finding in findings], json)
        if not all(finding.ok for finding in findings):
            sys.exit(1)


async def _examine(load: Load) -> "list[Finding]":
    from gigaday.ops.doctor import Finding, check_folder

    try:
        settings = load()
    except SettingsError as error:
        return [Finding("settings", False, str(error), "Mend what is named, then: gigaday config validate")]
    return [
        Finding("settings", True, "valid"),
        *check_folder(settings.data_dir),
        *await _back_ends(settings),
        *await _database(settings),
        *await _redis(settings),
    ]


async def _back_ends(settings: "Settings") -> "list[Finding]":
    from gigaday import compose
    from gigaday.ops.doctor import Finding, check_reachable

    try:
        async with compose.open_backends(settings) as backends:
            pings = {"database": backends.documents.ping, "object store": backends.objects.ping}
            return [*await check_reachable(pings), *await _cdn(backends, settings)]
    except BackendError as error:
        from gigaday.ops.health import safe

        return [Finding("back ends", False, safe(str(error)), "See that each runs where the settings say.")]


async def _cdn(backends: "Backends", settings: "Settings") -> "list[Finding]":
    from gigaday.ops.doctor_cdn import check_cdn

    if not backends.edges.purges:
        return []
    return await check_cdn(backends.edges.cdn, settings.cdn_endpoint or f"https://{settings.cloudfront_domain}")


async def _database(settings: "Settings") -> "list[Finding]":
    from gigaday import compose
    from gigaday.ops.doctor import check_database

    admin = compose.database_admin(settings)
    if admin is None:
        return []
    try:
        return await check_database(admin, compose.COLLECTIONS, time.time)
    finally:
        await admin.close()


async def _redis(settings: "Settings") -> "list[Finding]":
    from gigaday import compose
    from gigaday.ops.doctor_redis import check_redis

    admins = compose.redis_admins(settings)
    spare = list(admins)[1:]
    return [
        finding
        for name, admin in admins.items()
        for finding in await check_redis(admin, name, time.time, spare=name in spare)
    ]


def _row(finding: "Finding") -> dict[str, str]:
    return {
        "check": finding.check,
        "result": "ok" if finding.ok else "fault",
        "detail": finding.detail,
        "mend": finding.mend,
    }
