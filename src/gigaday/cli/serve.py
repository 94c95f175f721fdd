"""`gigaday serve`: starts the server, after telling what it stands on."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from gigaday.cli.output import note
from gigaday.cli.session import Load, with_backends, with_tenancy
from gigaday.errors import SettingsError

if TYPE_CHECKING:
    from gigaday.settings import Settings

TARGET = "gigaday.asgi:create"
HEADER_TIMEOUT_MS = 10_000
SOCKET_PERMISSIONS = 0o660
"""Whoever may write to the socket is believed what it says of its clients: the user and the group of the node."""


def register(app: App, load: Load) -> None:
    """Adds the command to `app`; `load` reads the settings when it runs."""

    @app.command
    def serve(*, demo: bool = False, host: str | None = None, port: int | None = None) -> None:
        """Serve the API until SIGTERM or Ctrl-C, then finish what is running and exit with 0.

        SIGTERM first lets load balancers turn away, for GIGADAY_DRAIN_SECONDS. A second signal ends all at once.

        Parameters
        ----------
        demo
            Make a tenant `demo` with a catalogue where it is missing, and print a token for it.
        host
            The address to listen on, instead of the setting's.
        port
            The port to listen on, instead of the setting's.
        """
        settings = load()
        host, port = host or settings.host, port or settings.port
        url = f"unix:{settings.socket}" if settings.socket else f"http://{host}:{port}"
        if settings.socket:
            _free(settings.socket)
        _announce(settings, url)
        _first_start(load)
        if demo:
            _demo(load, url)
        _run(host, port, settings)


def _announce(settings: "Settings", url: str) -> None:
    from gigaday import compose

    for contract, choice in compose.describe(settings).items():
        note(f"{contract:<16} {choice}")
    note(f"{'address':<16} {url}  (docs at {url}/docs)")


def _first_start(load: Load) -> None:
    secret = with_tenancy(load, lambda service: service.operator_token())
    if secret:
        note(f"\nOperator token, shown this once:\n  {secret}")


def _demo(load: Load, url: str) -> None:
    from concurrent.futures import ProcessPoolExecutor

    # In a process of its own: the object store's client runs threads from its first use on, which do not come along
    # into the workers that this process forks.
    with ProcessPoolExecutor(1) as aside:
        token = aside.submit(_made, load()).result()
    curl = f"curl -s '{url}/api/v1/products?limit=3' -H 'Authorization: Bearer {token}'"
    note(f"\nDemo token:\n  {token}\n\nTry:\n  {curl}\n")


def _made(settings: "Settings") -> str:
    from gigaday import compose

    return with_backends(lambda: settings, compose.demo)


def _free(path: Path) -> None:
    """Removes what a node that was killed has left of its socket. Raises SettingsError where one listens, or the path
    is something else's."""
    if path.exists() and not path.is_socket():
        raise SettingsError(f"GIGADAY_SOCKET: {path} is there and is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:  # such as a path that is too long
            raise SettingsError(f"GIGADAY_SOCKET: {path}: {error}") from error
    raise SettingsError(f"GIGADAY_SOCKET: another process listens on {path}")


def _run(host: str, port: int, settings: "Settings") -> None:
    """Returns once the server has stopped."""
    from granian.constants import Interfaces, Loops
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from gigaday.cli.server import Server

    Server(
        TARGET,
        address=host,
        port=port,
        uds=settings.socket,
        uds_permissions=SOCKET_PERMISSIONS if settings.socket else None,
        interface=Interfaces.ASGI,
        factory=True,
        workers=settings.workers,
        loop=Loops.auto,
        websockets=False,
        backlog=2048,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT_MS),
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        drain_seconds=settings.drain_seconds,
    ).serve()
