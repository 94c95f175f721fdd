"""`gigaday lab`: the whole deployment on this machine, as real processes on loopback."""

import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from gigaday.cli import lab_autoscale, lab_fault
from gigaday.cli.lab_folder import FOLDER, Folder
from gigaday.cli.output import AsJson, note, show
from gigaday.cli.session import Load

if TYPE_CHECKING:
    from gigaday.lab.laboratory import Lab
    from gigaday.lab.plan import Plan


def register(app: App, load: Load) -> None:
    """Adds the commands to `app`."""
    group = App(name="lab", help="Run the whole deployment on this machine, break it, and end it.")
    app.command(group)
    _register_up(group)
    _register_rest(group)
    lab_autoscale.register(group)
    lab_fault.register(group)


def _register_up(group: App) -> None:
    @group.command
    def up(
        *,
        nodes: int = 3,
        small: bool = False,
        proxies: bool = True,
        swift: Path | None = None,
        folder: Folder = FOLDER,
    ) -> None:
        """Start balancers, nodes, Redis, MongoDB, S3, a CDN's edge and Prometheus; return once all of it serves.

        Parameters
        ----------
        nodes
            How many nodes to begin with.
        small
            With fewer parts: three MongoDB members, Redis without replicas, neither edge nor Prometheus.
        proxies
            Reach the data servers through a proxy that can make faults; --no-proxies is faster.
        swift
            The environment that the S3 server is installed in, where it is not .venv/swift.
        """
        from gigaday.lab.plan import Plan

        made = Plan.small if small else Plan
        plan = made(nodes=nodes, proxies=proxies, swift=swift)
        _tell(_raised(folder, plan), folder)


def _register_rest(group: App) -> None:
    @group.command
    def status(*, json: AsJson = False, watch: bool = False, folder: Folder = FOLDER) -> None:
        """Show the topology and the state that everything is in.

        Parameters
        ----------
        watch
            Go on until Ctrl-C.
        """
        from gigaday.lab.laboratory import Lab
        from gigaday.lab.roles import snapshot

        if watch and not json:
            _watch(folder)
        elif json or not sys.stdout.isatty():
            show(snapshot(Lab.load(folder)), as_json=True)
        else:
            _draw(Lab.load(folder))

    @group.command
    def scale(count: int, *, folder: Folder = FOLDER) -> None:
        """Add nodes, or drain the youngest ones away, until there are COUNT."""
        from gigaday.lab import scale as scaling
        from gigaday.lab.laboratory import Lab

        changed = scaling.scale(Lab.load(folder), count, note)
        note(f"{count} nodes; changed: {', '.join(changed) or 'none'}")

    @group.command
    def down(*, keep: bool = False, folder: Folder = FOLDER) -> None:
        """End exactly the processes that the folder names, also after a crash, and remove their files.

        Parameters
        ----------
        keep
            Leave the logs and data.
        """
        from gigaday.lab import ending
        from gigaday.lab.laboratory import Lab

        lab = Lab.load(folder)
        with lab.exclusive():
            ended = ending.down(Lab.load(folder), keep=keep)
        note(f"{ended} processes ended; nothing is left of the laboratory in {folder}")


def _raised(folder: Path, plan: "Plan") -> "Lab":
    from rich.console import Console

    from gigaday.lab.raising import up

    console = Console(stderr=True)
    # Whoever ends it half way ends what it has started, too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)
    with console.status("starting") as waiting:

        def tell(name: str, there: bool) -> None:
            if there:
                console.print(f"[green]✔[/green] {name}", highlight=False)
            else:
                waiting.update(f"waiting for {name}")

        return up(folder, plan, tell)


def _interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _tell(lab: "Lab", folder: Path) -> None:
    facts = lab.facts
    told = {"balancer": facts.get("balancer"), "second balancer": (facts.get("balancers") or [None])[-1]}
    told |= {"CDN edge": facts.get("cdn"), "Prometheus": facts.get("prometheus")}
    note("")
    for name, value in told.items():
        if value:
            note(f"{name:<16} {value}")
    where = "" if folder == FOLDER else f" --dir {folder}"
    token = facts["demo_token"]
    curl = f"curl -s '{facts['balancer']}/api/v1/products?limit=3' -H 'Authorization: Bearer {token}'"
    note(
        f"\nDemo token:\n  {token}\n\nTry:\n  {curl}\n  gigaday lab status{where}\n\nEnd it:\n  gigaday lab down{where}"
    )


def _draw(lab: "Lab") -> None:
    from rich.console import Console

    from gigaday.lab.picture import picture
    from gigaday.lab.roles import snapshot

    Console().print(picture(snapshot(lab), str(lab.folder)))


def _watch(folder: Path) -> None:
    from rich.live import Live

    from gigaday.lab.laboratory import Lab
    from gigaday.lab.picture import picture
    from gigaday.lab.roles import snapshot

    with Live(screen=True, auto_refresh=False) as live:
        while True:
            lab = Lab.load(folder)
            live.update(picture(snapshot(lab), str(lab.folder)), refresh=True)
            time.sleep(1)
