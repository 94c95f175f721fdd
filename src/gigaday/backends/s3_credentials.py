"""With what S3 is asked: the keys that are set, or those of this machine, which botocore finds and refreshes."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError
from botocore.session import Session, get_session

from gigaday.errors import BackendDown
from gigaday.rules.sigv4 import Credentials

if TYPE_CHECKING:
    from obstore.store import S3Credential

_KEPT_SECONDS = 300.0
"""botocore refreshes keys from 15 minutes before they expire; asked this often, it hands out none that is dead."""


class S3Credentials:
    """Without `access_key_id` those of botocore's default chain: environment, profile, role of a container or a
    machine. The `session` is what clients are to be made from."""

    def __init__(
        self,
        access_key_id: str | None,
        secret_access_key: str | None,
        session_token: str | None = None,
        *,
        session: Session | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session = session or get_session()
        if access_key_id is not None and secret_access_key is not None:
            self.session.set_credentials(access_key_id, secret_access_key, session_token)
        self._monotonic = monotonic
        self._last: tuple[float, Credentials] | None = None

    def current(self) -> Credentials:
        """The keys in force. Asks the network, if at all, where `refreshed` has not been called for some minutes.
        Raises BackendDown."""
        now = self._monotonic()
        if self._last is None or now - self._last[0] >= _KEPT_SECONDS:
            self._last = now, self._asked()
        return self._last[1]

    async def refreshed(self) -> "S3Credential":
        """The same off the event loop; obstore asks for them anew some minutes before `expires_at`."""
        self._last = self._monotonic(), await asyncio.to_thread(self._asked)
        keys = self._last[1]
        return {
            "access_key_id": keys.access_key_id,
            "secret_access_key": keys.secret_access_key,
            "token": keys.token,
            "expires_at": datetime.now(UTC) + timedelta(seconds=2 * _KEPT_SECONDS),
        }

    def _asked(self) -> Credentials:
        try:
            found = self.session.get_credentials()
            if found is None:
                raise BackendDown("there are no keys for S3: set AWS_ACCESS_KEY_ID, or give this machine a role")
            keys = found.get_frozen_credentials()
        except BotoCoreError as error:
            raise BackendDown(f"no keys for S3 can be had: {error}") from error
        return Credentials(str(keys.access_key), str(keys.secret_key), keys.token)
