"""One tree of errors: what a caller is told (`ApiError`) and what a back end reports (`BackendError`)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a request: `pointer` is an RFC 6901 JSON pointer, `detail` says what to change."""

    pointer: str
    detail: str


class GigadayError(Exception):
    """Root of everything Gigaday raises on purpose."""


class ApiError(GigadayError):
    """An answer of 4xx or 5xx, rendered as RFC 9457 problem+json by `edge.problems`."""

    status = 500
    code = "internal"
    title = "Internal error"

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})


class BadRequest(ApiError):
    status, code, title = 400, "bad_request", "The request is malformed"


class BadCursor(BadRequest):
    code, title = "bad_cursor", "The cursor is not valid here"


class Unauthenticated(ApiError):
    status, code, title = 401, "unauthenticated", "A valid token is required"

    def __init__(self, detail: str = "", **more: Any) -> None:
        super().__init__(detail, **more)
        self.headers.setdefault("WWW-Authenticate", 'Bearer realm="gigaday"')


class Forbidden(ApiError):
    status, code, title = 403, "forbidden", "The token lacks a scope"


class NotFound(ApiError):
    status, code, title = 404, "not_found", "There is no such thing here"


class MethodNotAllowed(ApiError):
    status, code, title = 405, "method_not_allowed", "The method is not allowed here"


class Conflict(ApiError):
    status, code, title = 409, "conflict", "The request conflicts with the present state"


class NoDirectUploads(Conflict):
    code, title = "no_direct_uploads", "Nothing can be sent to the store directly here"


class OffsetMismatch(Conflict):
    code, title = "offset_mismatch", "The upload has come to another offset"


class Gone(ApiError):
    status, code, title = 410, "gone", "It was here, and is no more"


class PreconditionFailed(ApiError):
    status, code, title = 412, "precondition_failed", "The version has changed"


class UnsupportedVersion(ApiError):
    status, code, title = 412, "unsupported_version", "The protocol's version is not supported"


class BodyTooLarge(ApiError):
    status, code, title = 413, "body_too_large", "The body is too large"


class QuotaExceeded(ApiError):
    status, code, title = 413, "quota_exceeded", "The plan has no room for so many bytes"


class UnsupportedMediaType(ApiError):
    status, code, title = 415, "unsupported_media_type", "The content type is not supported"


class RangeNotSatisfiable(ApiError):
    status, code, title = 416, "range_not_satisfiable", "The range lies outside the content"


class Invalid(ApiError):
    status, code, title = 422, "invalid", "The request does not validate"


class IdempotencyMismatch(ApiError):
    status, code, title = 422, "idempotency_mismatch", "The key was used with another request"


class Locked(ApiError):
    """Another request is at work on the same thing; carries Retry-After (seconds)."""

    status, code, title = 423, "locked", "Another request is at work on this"

    def __init__(self, detail: str = "", *, retry_after: int = 1, **more: Any) -> None:
        super().__init__(detail, **more)
        self.headers.setdefault("Retry-After", str(retry_after))


class PreconditionRequired(ApiError):
    status, code, title = 428, "precondition_required", "If-Match is required"


class RateLimited(ApiError):
    status, code, title = 429, "rate_limited", "Too many requests"


class HeadersTooLarge(ApiError):
    status, code, title = 431, "headers_too_large", "The request's headers are too large"


class ChecksumMismatch(ApiError):
    """The status is tus's own."""

    status, code, title = 460, "checksum_mismatch", "The bytes do not have the checksum that was sent with them"


class Unavailable(ApiError):
    """A dependency or this node cannot answer now; carries Retry-After (seconds)."""

    status, code, title = 503, "unavailable", "The service cannot answer now"

    def __init__(self, detail: str = "", *, retry_after: int = 1, **more: Any) -> None:
        super().__init__(detail, **more)
        self.headers.setdefault("Retry-After", str(retry_after))


class ReadOnly(Unavailable):
    code, title = "read_only", "Nothing can be written for now; reading goes on"

    def __init__(self, detail: str = "", **more: Any) -> None:
        super().__init__(detail, **more)
        self.headers.setdefault("X-Degraded", "read_only")


class OutOfSpace(ApiError):
    status, code, title = 507, "out_of_space", "There is no space left to store this"


class BackendError(GigadayError):
    """Root of what `backends/` raises; drivers' own exceptions never leave that package."""


class BackendDown(BackendError):
    """The technology behind a contract cannot be reached or did not answer in time."""


class BackendBusy(BackendDown):
    """The technology answers, but has more to do than it can take in; says nothing of its health."""


class BackendNotAsked(BackendDown):
    """The technology has failed too often just now to be asked."""


class BackendReadOnly(BackendDown):
    """The technology can be read, as far as is known, but not be written to now."""


class BackendFull(BackendError):
    """The store has no space left."""


class ObjectMissing(BackendError):
    """The object store holds nothing under that key."""


class SettingsError(GigadayError):
    """Settings that stop the start; the message names every fault and its mend."""
