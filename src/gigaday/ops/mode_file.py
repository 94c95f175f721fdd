"""What an operator has set for this machine alone, in a file beside its data.

The way that needs nothing: neither the database, where the fleet's modes are, nor a token, which may not be known while
that is down. Every worker of the node reads it, and it survives restarts.
"""

import secrets
from pathlib import Path

import msgspec

from gigaday.errors import BadRequest
from gigaday.model.mode import Setting


class ModeFile:
    """Settings by their scopes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Setting]:
        """None where there is no file. A file that cannot be understood is a BadRequest: it was written by hand."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=list[Setting])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as error:
            raise BadRequest(f"{self._path} cannot be read: {error}") from error

    def put(self, setting: Setting) -> None:
        """Instead of what the scope had."""
        if setting.cache == "backup":
            raise BadRequest("A node alone cannot use the backup cache: it would not see what the others write.")
        self._write([*self._others(setting.scope), setting])

    def clear(self, scope: str) -> None:
        """Nothing more is set for the scope."""
        self._write(self._others(scope))

    def _others(self, scope: str) -> list[Setting]:
        return [known for known in self.read() if known.scope != scope]

    def _write(self, settings: list[Setting]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.{secrets.token_hex(8)}")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(settings), indent=2))
        fresh.replace(self._path)
