"""The `gigaday` command. Heavy modules are imported inside commands, so that `--help` answers at once."""

import sys
from typing import TYPE_CHECKING

from cyclopts import App

from gigaday import __version__
from gigaday.cli import (
    audit,
    balancer,
    cache,
    catalogue,
    chaos,
    config,
    db,
    doctor,
    lab,
    limits,
    media,
    mode,
    runbook,
    serve,
    tenants,
    tokens,
)
from gigaday.cli.session import Load
from gigaday.errors import ApiError, GigadayError, SettingsError

if TYPE_CHECKING:
    from gigaday.settings import Settings

GROUPS = (serve, balancer, tenants, tokens, limits, mode, runbook, audit, cache, catalogue, media, db, config, lab,
          chaos, doctor)  # fmt: skip


def build(load: Load) -> App:
    """The whole command; `load` reads the settings when a command needs them."""
    app = App(name="gigaday", help="An API for products and media, for many tenants at once.", version=__version__)
    for group in GROUPS:
        group.register(app, load)
    return app


def main() -> None:
    """Runs the command line. Exit status 1 is a failure, 2 a wrong setting; both say what to do on standard error."""
    try:
        build(_load)()
    except SettingsError as error:
        _fail(str(error), 2)
    except GigadayError as error:
        _fail("\n".join([str(error), *_details(error)]), 1)
    except KeyboardInterrupt:
        sys.exit(130)


def _load() -> "Settings":
    from gigaday import settings

    return settings.load()


def _details(error: GigadayError) -> list[str]:
    faults = error.errors if isinstance(error, ApiError) else ()
    return [f"  {fault.pointer}: {fault.detail}" for fault in faults]


def _fail(message: str, status: int) -> None:
    print(f"gigaday: {message}", file=sys.stderr)
    sys.exit(status)
