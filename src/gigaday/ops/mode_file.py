"""What an operator has set for this machine alone, in a file beside its data.

The way that needs nothing: neither the database, where the fleet's modes are, nor a token, which may not be known while
that is down. Every worker of the node reads it, and it survives restarts.
"""

import secrets
from pathlib import Path

import msgspec

from gigaday.errors import BadRequest
from gigaday.model.mode import Setting

_MOST_BYTES = 1 << 20


class ModeFile:
    """Settings by their scopes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Setting]:
        """None where there is no file. A file that cannot be understood is a BadRequest: it was written by hand."""
        try:
            settings = msgspec.json.decode(self._bytes(), type=list[Setting])
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
            raise BadRequest(f"{self._path} cannot be read: {error}") from error
        for setting in settings:
            _require_possible(setting)
        return settings

    def put(self, setting: Setting) -> None:
        """Instead of what the scope had."""
        _require_possible(setting)
        self._write([*self._others(setting.scope), setting])

    def clear(self, scope: str) -> None:
        """Nothing more is set for the scope."""
        self._write(self._others(scope))

    def _others(self, scope: str) -> list[Setting]:
        return [known for known in self.read() if known.scope != scope]

    def _bytes(self) -> bytes:
        if self._path.exists() and not self._path.is_file():  # a pipe would hold up the whole node
            raise BadRequest(f"{self._path} is no file")
        with self._path.open("rb") as file:
            return file.read(_MOST_BYTES)

    def _write(self, settings: list[Setting]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2))
        fresh.replace(self._path)


def _require_possible(setting: Setting) -> None:
    if setting.cache == "backup":
        raise BadRequest("A node alone cannot use the backup cache: it would not see what the others write.")
