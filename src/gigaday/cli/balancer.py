"""`gigaday balancer`: the configuration of a load balancer in front of the nodes, from the settings that they use."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from gigaday.cli.output import show
from gigaday.cli.session import Load

Nodes = Annotated[tuple[str, ...], Parameter(name="--node", negative="")]
Behind = Annotated[tuple[str, ...], Parameter(name="--behind", negative="")]


def register(app: App, load: Load) -> None:
    """Adds the command to `app`; `load` reads the settings when it runs."""

    @app.command
    def balancer(
        engine: Literal["haproxy", "nginx"],
        *,
        node: Nodes,
        listen: str = "127.0.0.1:8000",
        certificate: Path | None = None,
        behind: Behind = (),
        slots: int = 0,
        admin_socket: Path | None = None,
        metrics: str = "",
        output: Path | None = None,
        check: bool = True,
    ) -> None:
        """Make the configuration of HAProxy or nginx for these nodes, with the limits and times of the settings.

        The balancer itself checks it first, and a faulty one replaces nothing. Without --output it is printed, to be
        looked at: HAProxy's loads another file, which only --output writes.

        Parameters
        ----------
        engine
            The load balancer.
        node
            Where a node listens: host:port, [ipv6]:port or unix:/path. Once for each node.
        listen
            Where the balancer listens.
        certificate
            A PEM file of the key and the certificates: clients are then served TLS and HTTP/2.
        behind
            A network of proxies in front of the balancer, such as a CDN's, whose X-Forwarded-For is passed on.
        slots
            HAProxy: places for nodes that join while it runs.
        admin_socket
            HAProxy: the socket of its runtime API.
        metrics
            HAProxy: the address where Prometheus finds its figures.
        output
            The file to write; what it loads is put into a folder beside it.
        check
            Whether the balancer, which has to be installed here, checks it first.
        """
        from gigaday import compose
        from gigaday.ops import balancer_files
        from gigaday.ops.balancer import Balancer

        settings = load()
        asked = Balancer(
            nodes=node,
            listen=listen,
            certificate=certificate and certificate.absolute(),
            behind=behind,
            slots=slots,
            admin_socket=admin_socket and admin_socket.absolute(),
            metrics=metrics,
            drain_seconds=settings.drain_seconds,
            limits=compose.balancer_limits(settings),
        )
        if output is not None:
            show({"written": str(balancer_files.write(engine, asked, output, check=check))})
            return
        if check:
            balancer_files.verify(engine, asked)
        sys.stdout.write(next(iter(balancer_files.render(engine, asked, Path(f"/etc/{engine}")).values())))
