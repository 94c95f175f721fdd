"""`Idempotency-Key`: the first request with a key runs, the same again replays its answer for 24 hours.

A record is claimed before the work, as a document whose `_id` is a digest of tenant and key, so that exactly one
claim wins on any store. It holds the id that a creation must use: a retry after a crash between the work and the
record finds the thing under that id instead of making another.

While a streamed request runs its claim is renewed; a claim that is not (its node died) is taken over.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import Any

from starlette.responses import Response

from gigaday.api.operation import Call, Operation
from gigaday.contracts import (
    OPERATOR,
    Clock,
    Collection,
    Delete,
    Document,
    DocumentStore,
    Insert,
    Outcome,
    Replace,
    Write,
)
from gigaday.errors import ApiError, BackendError, BadRequest, Conflict, IdempotencyMismatch
from gigaday.rules import times

IDEMPOTENCY = Collection("idempotency", tenanted=False, expires="expiresAt")
KEPT_SECONDS = 24 * 3600
_TAKEOVER_SECONDS = 60
_RENEWAL_SECONDS = 20.0
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_REPLAYED_HEADERS = ("content-type", "etag", "location")
_MAX_REPLAY = 4 << 20
"""Bytes of the largest answer that is kept; a database takes no document of much more."""


class Idempotency:
    """Runs operations under their key, if the request has one. `renewal` is seconds between renewals of a claim,
    `patience` seconds that a request which was cut off may still take to hand its claim back."""

    def __init__(
        self, store: DocumentStore, clock: Clock, *, renewal: float = _RENEWAL_SECONDS, patience: float = 1.0
    ) -> None:
        self._store, self._clock, self._renewal, self._patience = store, clock, renewal, patience

    async def run(self, operation: Operation, call: Call) -> Response:
        """The answer, fresh or replayed. Raises Conflict while the first still runs, IdempotencyMismatch where the
        key was used with another request."""
        key = call.request.headers.get("idempotency-key")
        if key is None:
            return await operation.handle(call)
        if not _KEY.fullmatch(key):
            raise BadRequest("Idempotency-Key must be 1 to 255 visible ASCII characters.")
        record = await self._claimed(operation, call, key)
        if record["state"] == "done":
            return await _replay(operation, call, record)
        call.new_id = record["newId"]
        return await self._work(operation, call, _Claim(self._store, self._clock, record))

    async def _claimed(self, operation: Operation, call: Call, key: str) -> Document:
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
            raise mismatch()
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

    async def _work(self, operation: Operation, call: Call, claim: "_Claim") -> Response:
        try:
            async with claim.kept(self._renewal if operation.streams else None):
                response = await operation.handle(call)
            # Where this fails, the work is done all the same: telling the caller otherwise would make it try again.
            await claim.update(state="done", answer=_recorded(response))
            return response
        except ApiError as error:
            # A refusal changed nothing, so that the key is free for the corrected request; unless an attempt before
            # it may have: the next one must go on with the same id.
            await (claim.forget() if error.status < 500 and not call.retried else claim.update(state="failed"))
            raise
        except (Exception, asyncio.CancelledError):
            # It may have been applied, or may still be: whoever retries goes on with the same id, and at once.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await claim.update(state="failed")
            raise


class _Claim:
    """A running record that is ours until another takes it over, from when on nothing here changes it."""

    def __init__(self, store: DocumentStore, clock: Clock, record: Document) -> None:
        self._store, self._clock, self._record = store, clock, record

    async def update(self, **changes: Any) -> None:
        """Best effort: a record left running is taken over once it is `_TAKEOVER_SECONDS` old."""
        version = self._record["version"]
        record = {**self._record, **changes, "version": version + 1}
        with suppress(BackendError):
            if await self._write(Replace(record, version)) == ["applied"]:
                self._record = record

    async def forget(self) -> None:
        """Best effort, as `update`."""
        with suppress(BackendError):
            await self._write(Delete(self._record["_id"], self._record["version"]))

    async def _write(self, write: Write) -> list[Outcome]:
        # In no request's context: it matters to the next request most where this one has no time left.
        return await asyncio.create_task(self._writing(write), context=Context())

    async def _writing(self, write: Write) -> list[Outcome]:
        return await self._store.write(IDEMPOTENCY, OPERATOR, [write])

    @asynccontextmanager
    async def kept(self, every: float | None) -> AsyncIterator[None]:
        """Renews the claim `every` so many seconds while the context lasts (None: what runs has a short deadline)."""
        if every is None:
            yield
            return
        ended = asyncio.Event()
        renewing = asyncio.create_task(self._renew(every, ended))
        try:
            yield
        finally:
            # Told, not cancelled: of a write that is cut off nobody knows which version it left.
            ended.set()
            await renewing

    async def _renew(self, every: float, ended: asyncio.Event) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(every):
                    await ended.wait()
                return
            await self.update(startedAt=times.text(self._clock.now()))


def mismatch() -> IdempotencyMismatch:
    """What a key is answered with another request than its first."""
    return IdempotencyMismatch("This Idempotency-Key was used with another method, path or body; use a new one.")


async def _fingerprint(operation: Operation, call: Call) -> str:
    """What must be the same again, as far as it is known before a streamed body is read (see `_replay`). A form's
    boundary differs each time it is sent."""
    request = call.request
    digest = hashlib.sha256(f"{request.method} {request.url.path}?{request.url.query}\0".encode())
    if operation.streams:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        names = (request.headers.get(name) for name in ("x-filename", "content-disposition"))
        digest.update(repr([kind, *names]).encode())
    else:
        digest.update(await request.body())
    return digest.hexdigest()


def _recorded(response: Response) -> dict[str, Any]:
    body = bytes(response.body)
    return {
        "status": response.status_code,
        "headers": [[name, value] for name, value in response.headers.items() if name in _REPLAYED_HEADERS],
        "body": base64.b64encode(body).decode() if len(body) <= _MAX_REPLAY else None,
    }


async def _replay(operation: Operation, call: Call, record: Document) -> Response:
    answer = record["answer"]
    if answer["body"] is None:
        made = {name.title(): value for name, value in answer["headers"] if name == "location"}
        raise Conflict("This was done before, and its answer is too large to be told again; read it.", headers=made)
    body = base64.b64decode(answer["body"])
    if operation.repeats is not None and not await operation.repeats(call, body):
        raise mismatch()
    return Response(body, answer["status"], {**dict(answer["headers"]), "Idempotency-Replayed": "true"})
