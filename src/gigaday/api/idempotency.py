"""`Idempotency-Key`: the first request with a key runs, the same again replays its answer for 24 hours.

A record is claimed before the work, as a document whose `_id` is a digest of tenant and key, so that exactly one
claim wins on any store. It holds the id that a creation must use: a retry after a crash between the work and the
record finds the thing under that id instead of making another.
"""

import base64
import hashlib
import re
from contextlib import suppress
from typing import Any

from starlette.responses import Response

from gigaday.api.operation import Call, Operation
from gigaday.contracts import OPERATOR, Clock, Collection, Delete, Document, DocumentStore, Insert, Replace, Write
from gigaday.errors import ApiError, BackendError, BadRequest, Conflict, IdempotencyMismatch
from gigaday.rules import times

IDEMPOTENCY = Collection("idempotency", tenanted=False, expires="expiresAt")
KEPT_SECONDS = 24 * 3600
_TAKEOVER_SECONDS = 60
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_REPLAYED_HEADERS = ("content-type", "etag", "location")
_MAX_REPLAY = 1 << 20


class Idempotency:
    """Runs operations under their key, if the request has one."""

    def __init__(self, store: DocumentStore, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def run(self, operation: Operation, call: Call) -> Response:
        """The answer, fresh or replayed. Raises Conflict while the first still runs, IdempotencyMismatch where the
        key was used with another request."""
        key = call.request.headers.get("idempotency-key")
        if key is None:
            return await operation.handle(call)
        if not _KEY.fullmatch(key):
            raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters.")
        record = await self._claim(operation, call, key)
        if record["state"] == "done":
            return _replay(record)
        call.new_id = record["newId"]
        return await self._work(operation, call, record)

    async def _claim(self, operation: Operation, call: Call, key: str) -> Document:
        """A running record of our own, or the finished one of an earlier request."""
        now = self._clock.now()
        id = hashlib.sha256(f"{call.principal.tenant}\0{call.principal.operator}\0{key}".encode()).hexdigest()
        fresh = {
            "_id": id, "createdBy": OPERATOR, "version": 1, "state": "running", "newId": call.new_id,
            "request": await _fingerprint(operation, call), "startedAt": times.text(now),
            "expiresAt": times.text(now + KEPT_SECONDS),
        }  # fmt: skip
        if await self._store.write(IDEMPOTENCY, OPERATOR, [Insert(fresh)]) == ["applied"]:
            return fresh
        known = await self._store.get(IDEMPOTENCY, OPERATOR, id)
        if known is None:
            raise Conflict("The request with this Idempotency-Key has just ended; send it again.")
        if known["expiresAt"] <= times.text(now):
            return await self._take_over(known, fresh)
        if known["request"] != fresh["request"]:
            raise IdempotencyMismatch("This Idempotency-Key was used with another method, path or body; use a new one.")
        if known["state"] == "done":
            return known
        if known["state"] == "running" and known["startedAt"] > times.text(now - _TAKEOVER_SECONDS):
            raise Conflict("The request with this Idempotency-Key is still running.", headers={"Retry-After": "1"})
        call.retried = True
        return await self._take_over(known, {**fresh, "newId": known["newId"]})

    async def _take_over(self, known: Document, fresh: Document) -> Document:
        record = {**fresh, "version": known["version"] + 1}
        if await self._store.write(IDEMPOTENCY, OPERATOR, [Replace(record, known["version"])]) != ["applied"]:
            raise Conflict("The request with this Idempotency-Key is still running.", headers={"Retry-After": "1"})
        return record

    async def _work(self, operation: Operation, call: Call, record: Document) -> Response:
        try:
            response = await operation.handle(call)
        except ApiError as error:
            # A refusal changed nothing: the same key may be used for the corrected request.
            await self._settle(Delete(record["_id"]) if error.status < 500 else _failed(record))
            raise
        except BackendError:
            # It may have been applied all the same: whoever retries goes on with the same id.
            await self._settle(_failed(record))
            raise
        done = {**record, "version": record["version"] + 1, "state": "done", "answer": _recorded(response)}
        await self._store.write(IDEMPOTENCY, OPERATOR, [Replace(done, record["version"])])
        return response

    async def _settle(self, write: Write) -> None:
        """Best effort: an unsettled record is taken over after `_TAKEOVER_SECONDS`."""
        with suppress(BackendError):
            await self._store.write(IDEMPOTENCY, OPERATOR, [write])


def _failed(record: Document) -> Replace:
    return Replace({**record, "version": record["version"] + 1, "state": "failed"}, record["version"])


async def _fingerprint(operation: Operation, call: Call) -> str:
    """What must be the same again. An upload, which is streamed, is known by its length and type alone."""
    request = call.request
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\0".encode())
    if operation.streams:
        digest.update(repr([request.headers.get(name) for name in ("content-length", "x-filename")]).encode())
    else:
        digest.update(await request.body())
    return digest.hexdigest()


def _recorded(response: Response) -> dict[str, Any]:
    body = bytes(response.body)
    kept = body if len(body) <= _MAX_REPLAY else b""
    return {
        "status": response.status_code,
        "headers": [[name, value] for name, value in response.headers.items() if name in _REPLAYED_HEADERS],
        "body": base64.b64encode(kept).decode(),
    }


def _replay(record: Document) -> Response:
    answer = record["answer"]
    headers = {**dict(answer["headers"]), "Idempotency-Replayed": "true"}
    return Response(base64.b64decode(answer["body"]), answer["status"], headers)
