"""`gigaday lab fault`: makes one fault in a running laboratory by hand, and heals it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from gigaday.cli.lab_folder import FOLDER, Folder
from gigaday.cli.output import AsJson, note, show
from gigaday.errors import BadRequest

if TYPE_CHECKING:
    from gigaday.lab.faults import Faults
    from gigaday.lab.member import Member

Verb = Literal["kill", "freeze", "thaw", "terminate", "start"]


def register(lab: App) -> None:
    """Adds the group to `lab`."""
    fault = App(name="fault", help="Break a part of the laboratory by hand.")
    lab.command(fault)
    _register_signals(fault)
    _register_network(fault)


def _register_signals(fault: App) -> None:
    @fault.command
    def signal(verb: Verb, name: str, *, folder: Folder = FOLDER) -> None:
        """Kill, freeze, thaw, terminate or start again the member NAME."""
        from gigaday.lab.laboratory import Lab

        member = Lab.load(folder).member(name)
        verbs: dict[Verb, Callable[[Member], object]] = {
            "kill": lambda one: one.kill(),
            "freeze": lambda one: one.freeze(),
            "thaw": lambda one: one.thaw(),
            "terminate": lambda one: one.terminate(),
            "start": lambda one: one.start(),
        }
        verbs[verb](member)
        note(f"{name}: {member.state()}")

    @fault.command
    def heal(*, folder: Folder = FOLDER) -> None:
        """End every fault: start what is dead, thaw what is frozen, give every network back."""
        from gigaday.lab.healing import heal
        from gigaday.lab.laboratory import Lab

        for done in heal(Lab.load(folder)) or ["there was no fault"]:
            note(done)


def _register_network(fault: App) -> None:
    @fault.command
    def add(
        name: str,
        type: str,
        *attributes: str,
        stream: Literal["downstream", "upstream"] = "downstream",
        toxicity: float = 1.0,
        spare_members: bool = False,
        folder: Folder = FOLDER,
    ) -> None:
        """Disturb what passes to the member NAME: latency, timeout, reset_peer, limit_data, bandwidth, slow_close.

        For example: gigaday lab fault add redis-1 latency latency=500 jitter=100

        Parameters
        ----------
        attributes
            As name=number; times in milliseconds, rate in kilobytes a second.
        stream
            Downstream is what the member answers, upstream what it is asked.
        toxicity
            The share of connections that are disturbed.
        spare_members
            Leave members of the replica set alone among themselves.
        """
        from gigaday.lab.faults import MONGO_MEMBERS, Toxic

        spares = MONGO_MEMBERS if spare_members else ()
        toxic = Toxic(type=type, stream=stream, toxicity=toxicity, attributes=_numbers(attributes), spares=spares)
        note(f"{name}: {_faults(folder).add(name, toxic)}")

    @fault.command
    def remove(name: str, toxic: str, *, folder: Folder = FOLDER) -> None:
        """Take a fault of the network off again, by the name that `add` or `list` told."""
        _faults(folder).remove(name, toxic)

    @fault.command
    def down(name: str, *, folder: Folder = FOLDER) -> None:
        """Cut every connection to the member NAME, and refuse new ones."""
        _faults(folder).down(name)

    @fault.command(name="list")
    def list_(*, folder: Folder = FOLDER, json: AsJson = False) -> None:
        """List every proxy: where it listens, whether it is up, and what disturbs it."""
        rows = [
            {**proxy, "toxics": [toxic["name"] for toxic in proxy["toxics"]]}
            for proxy in _faults(folder).proxies().values()
        ]
        show(rows, json)


def _faults(folder: "Folder") -> "Faults":
    from gigaday.lab.faults import Faults
    from gigaday.lab.laboratory import Lab

    url = Lab.load(folder).facts.get("fault_proxy")
    if not url:
        raise BadRequest("This laboratory has no fault proxy: gigaday lab up, without --no-proxies.")
    return Faults(str(url))


def _numbers(stated: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for text in stated:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise BadRequest(f"{text!r} is no attribute; one is name=number.") from None
    return found
