"""Where the programs are that come from the system's packages."""

import shutil

from gigaday.lab.member import SEARCHED
from gigaday.lab.waiting import ServerMissing


def find(name: str) -> str:
    """The program's path. Raises ServerMissing."""
    found = shutil.which(name) or shutil.which(name, path=SEARCHED)
    if found is None:
        raise ServerMissing(f"no {name}: scripts/servers installs it")
    return found
