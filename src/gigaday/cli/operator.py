"""Who is at the terminal, which deployment a procedure is for, and how it is to be run."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from gigaday.cli.output import AsJson
from gigaday.cli.session import Load

if TYPE_CHECKING:
    from gigaday.settings import Settings

Where = Annotated[Path | None, Parameter(name="--lab", help="The folder of a laboratory that it is for.")]

Switch = Parameter(negative="")


@Parameter(name="*")
@dataclass(frozen=True)
class How:
    """What all procedures have in common."""

    dry_run: Annotated[bool, Switch, Parameter(help="Show each step and what it would find; change nothing.")] = False
    undo: Annotated[bool, Switch, Parameter(help="Put back what the run in force has found, the last step first.")] = (
        False
    )
    yes: Annotated[bool, Switch, Parameter(help="Do not ask a terminal first.")] = False
    by: Annotated[str, Parameter(help="Who does it, for the audit trail; else this user at this host.")] = ""
    lab: Where = None
    json: AsJson = False


AS_USUAL = How()


def whoami() -> str:
    """`user@host`; a container's user may have no name."""
    import getpass
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def settings_of(lab: Path | None, load: Load) -> Load:
    """What reads the settings of the laboratory's nodes, where one is named, and else `load`."""
    if lab is None:
        return load
    folder = lab

    def laboratory() -> "Settings":
        from gigaday import settings
        from gigaday.lab.laboratory import Lab

        known = Lab.load(folder)
        return settings.load({**known.facts["settings"], "GIGADAY_DATA_DIR": str(known.folder / "operator")})

    return laboratory
