"""How a request is named: by its caller, where the name is harmless, or else by this node."""

import re
from collections.abc import Callable

_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,64}")


def chosen(given: str, new_id: Callable[[], str]) -> str:
    """The id that logs and answers carry."""
    return given if given and _HARMLESS.fullmatch(given) else new_id()
