"""Asks a running fault proxy for faults, over its HTTP API."""

import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from gigaday.errors import ApiError, BackendDown
from gigaday.lab.toxics import MONGO_MEMBERS, Toxic

__all__ = ["MONGO_MEMBERS", "Faults", "Toxic", "command"]
_WAIT = 5.0


def command(address: str, proxies: Path | None = None) -> list[str]:
    """What to run to serve the API at `address`; the file `proxies` is a JSON list of {name, listen, upstream}."""
    return [sys.executable, "-m", "gigaday.lab.fault_api", address, *([str(proxies)] if proxies else [])]


class Faults:
    """Blocking. All raise ApiError where the proxy refuses, BackendDown where it does not answer."""

    def __init__(self, url: str) -> None:
        self.address = urlsplit(url).netloc

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            self._call("GET", "/version")
        except BackendDown:
            return False
        return True

    def proxies(self) -> dict[str, Any]:
        """Each by name: where it listens, what it passes on to, whether it is enabled, and its toxics."""
        found: dict[str, Any] = self._call("GET", "/proxies")
        return found

    def create(self, name: str, listen: str, upstream: str) -> dict[str, Any]:
        """A new proxy; a port 0 is given by the system, and stands in the answer."""
        made: dict[str, Any] = self._call("POST", "/proxies", {"name": name, "listen": listen, "upstream": upstream})
        return made

    def delete(self, name: str) -> None:
        self._call("DELETE", f"/proxies/{quote(name)}")

    def add(self, name: str, toxic: Toxic) -> str:
        """Puts the toxic on a proxy; its name."""
        return str(self._call("POST", f"/proxies/{quote(name)}/toxics", toxic)["name"])

    def remove(self, name: str, toxic: str) -> None:
        self._call("DELETE", f"/proxies/{quote(name)}/toxics/{quote(toxic)}")

    def down(self, name: str) -> None:
        """Refuses connections and cuts those that are open."""
        self._call("POST", f"/proxies/{quote(name)}", {"enabled": False})

    def up(self, name: str) -> None:
        self._call("POST", f"/proxies/{quote(name)}", {"enabled": True})

    def reset(self) -> None:
        """Ends every fault of every proxy."""
        self._call("POST", "/reset")

    def _call(self, method: str, path: str, body: object = None) -> Any:
        connection = HTTPConnection(self.address, timeout=_WAIT)
        try:
            connection.request(method, path, None if body is None else msgspec.json.encode(body))
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, HTTPException) as error:
            raise BackendDown(f"the fault proxy at {self.address} does not answer: {error}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise ApiError(_told(text))
        return msgspec.json.decode(text) if text else None


def _told(text: bytes) -> str:
    try:
        return str(msgspec.json.decode(text)["error"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        return text.decode(errors="replace")
