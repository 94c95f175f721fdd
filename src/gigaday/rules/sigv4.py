"""URLs that carry their own authority: AWS Signature Version 4 in the query, as S3 takes it.

Source: AWS, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec

MOST_SECONDS = 7 * 24 * 3600
"""For no longer does a signature hold."""
_UNSIGNED, _PAYLOAD = "UNSIGNED-PAYLOAD", "x-amz-content-sha256"


class Credentials(msgspec.Struct, frozen=True):
    """Keys; those of a role come with a session's token."""

    access_key_id: str
    secret_access_key: str
    token: str | None = None


class Signer:
    """Signs with these keys for one region. What is derived from them for a day it remembers."""

    def __init__(self, credentials: Credentials, region: str) -> None:
        self.credentials, self._region = credentials, region
        self._derived = ("", b"")
        self._token = {} if credentials.token is None else {"X-Amz-Security-Token": _quoted(credentials.token)}

    def presigned(
        self,
        method: str,
        base: str,
        key: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        at: float,
        seconds: int,
    ) -> str:
        """The URL of the object `key` below `base` that does `method` until `seconds` (1 to MOST_SECONDS) after `at`
        (epoch seconds), by a request with exactly these `headers` (names in lower case, without Host; an
        x-amz-content-sha256 binds the body). Raises ValueError."""
        if not 1 <= seconds <= MOST_SECONDS:
            raise ValueError(f"a signature holds for 1 to {MOST_SECONDS} seconds, not {seconds}")
        scheme, _, place = base.partition("://")
        host, slash, path = place.partition("/")
        path = f"{slash}{path}/{quote(key, safe='/~')}"
        moment = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        signed = sorted({"host": _host(scheme, host), **headers}.items())
        names = ";".join(name for name, _ in signed)
        stated = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in signed)
        asked = self._query(query, scope, moment, seconds, names)
        request = f"{method}\n{path}\n{asked}\n{stated}\n{names}\n{headers.get(_PAYLOAD, _UNSIGNED)}"
        message = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = _mac(self._key(moment[:8]), message).hex()
        return f"{scheme}://{host}{path}?{asked}&X-Amz-Signature={signature}"

    def _query(self, query: Mapping[str, str], scope: str, moment: str, seconds: int, names: str) -> str:
        stated = {
            **{_quoted(name): _quoted(value) for name, value in query.items()},
            **self._token,
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": _quoted(f"{self.credentials.access_key_id}/{scope}"),
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": names.replace(";", "%3B"),
        }
        return "&".join(f"{name}={value}" for name, value in sorted(stated.items()))

    def _key(self, day: str) -> bytes:
        if self._derived[0] != day:
            key = f"AWS4{self.credentials.secret_access_key}".encode()
            for word in (day, self._region, "s3", "aws4_request"):
                key = _mac(key, word)
            self._derived = day, key
        return self._derived[1]


def _host(scheme: str, host: str) -> str:
    """As clients send it: without the port that goes without saying."""
    return host.removesuffix({"http": ":80", "https": ":443"}[scheme]).lower()


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def _mac(key: bytes, message: str) -> bytes:
    return hmac.digest(key, message.encode(), "sha256")
