"""Which laboratory a command is about."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

FOLDER = Path(".gigaday/lab")
Folder = Annotated[Path, Parameter(name="--dir", help="The folder that the laboratory is kept in.")]
