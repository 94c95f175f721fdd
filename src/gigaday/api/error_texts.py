"""What every error code means and what to do about it: the text behind each problem's `type` and `docs/errors.md`."""

from collections.abc import Iterator

from gigaday.errors import ApiError

TEXTS: dict[str, str] = {
    "internal": "Something failed that the service did not foresee. Try again later; if it stays, report the "
    "`request_id` of the answer to whoever runs the service.",
    "bad_request": "The request cannot be read: malformed JSON, a duplicate key, invalid UTF-8, an unknown query "
    "parameter or a wrong filter. `detail` says what is wrong, and names the valid choices where there are any. With "
    "status 408 the body stopped coming: send it again. With 414 the URL is too long.",
    "bad_cursor": "The cursor was not made by this list, or was made for another sort, filter or tenant. Start again "
    "without `cursor`, and then use `next` exactly as it was answered.",
    "unauthenticated": "There is no token, or it is unknown, expired or revoked. Send "
    "`Authorization: Bearer <token>` or `X-API-Key: <token>`.",
    "forbidden": "The token is valid but lacks the scope that this route needs; `detail` names it. Make a token with "
    "that scope. A publishable token can only read.",
    "not_found": "There is nothing of that id or at that path for this token. Things of other tenants are answered "
    "exactly like things that do not exist.",
    "method_not_allowed": "The path exists but not with this method. The `Allow` header lists the methods it has.",
    "conflict": "The request contradicts what is stored: the id is taken, the medium is still in use, or a request "
    "with the same `Idempotency-Key` is still running. `detail` says which. A token is created once under a key, and "
    "its secret is shown once: where a repetition is answered so and the secret was lost, revoke that token, which "
    "`detail` names, and create another under a new key.",
    "no_direct_uploads": "The files of this service lie with its node and not in an object store, so that there is "
    "nothing to sign requests for. Send the file to the node by tus; `uploads` in the answer names where.",
    "offset_mismatch": "The chunk does not begin where the upload has come to. Ask with `HEAD` for `Upload-Offset`, "
    "which this answer has as well, and go on from there.",
    "gone": "The upload has expired, or what was kept of it is gone. Begin another.",
    "precondition_failed": "The item has changed since its `ETag` was read. Read it again, apply the change to what is "
    "there now, and send the new `ETag` in `If-Match`.",
    "unsupported_version": "The protocol is spoken in one version here, which `Tus-Version` names. Send it in "
    "`Tus-Resumable` with every request.",
    "body_too_large": "The body is longer than this route, or the plan of the tenant, accepts. `detail` gives the "
    "limit. Split a batch; shrink a file.",
    "quota_exceeded": "The plan of the tenant has no room for so many bytes of media: `limit` is what it has, `used` "
    "what is taken, uploads under way included. Delete media, give up uploads, or ask for a larger plan. What was "
    "deleted counts until it can no longer be restored.",
    "unsupported_media_type": "The route does not take this `Content-Type`, or the medium is no image that can be "
    "rendered. `detail` names the types that are.",
    "range_not_satisfiable": "The `Range` starts beyond the end of the content. `Content-Range` gives its size.",
    "invalid": "The body was read but does not validate. `errors` lists every fault at once, each with a JSON pointer "
    "to the place and what to change there. Of an image that cannot be rendered `detail` says why.",
    "idempotency_mismatch": "This `Idempotency-Key` was used within 24 hours for a request with another body. Use a "
    "new key for a new request.",
    "locked": "Another request writes to the same upload. Wait the seconds that `Retry-After` gives and try again: one "
    "whose client or node has died lets go within half a minute.",
    "precondition_required": "This write needs `If-Match` with the `ETag` that was read, so that it cannot overwrite "
    "somebody else's change.",
    "rate_limited": "The allowance is used up. Wait the seconds that `Retry-After` gives; `RateLimit` tells what "
    "remains and `RateLimit-Policy` what is allowed. Without `RateLimit`, too many requests of the tenant are being "
    "worked on at once: send fewer at a time.",
    "headers_too_large": "The request's headers are longer in all than is accepted. Send fewer or smaller ones.",
    "checksum_mismatch": "The bytes of the chunk do not have the digest in `Upload-Checksum`, so that none of them "
    "were kept. Send the chunk again from the same offset.",
    "unavailable": "The service or something that it needs cannot answer now. Try again after the seconds in "
    "`Retry-After`; send an `Idempotency-Key` with writes, so that trying again is safe. It is not the token: one "
    "that cannot be looked up is answered so, and not as unknown.",
    "read_only": "Writes are refused for now, because the database takes none or the operator has said so; reads are "
    "answered, and `X-Degraded` names the mode. Nothing was stored. Try again after the seconds in `Retry-After`, "
    "under the same `Idempotency-Key`.",
    "out_of_space": "The store has no space left. Nothing was stored. The operator has to make space.",
}


def kinds() -> Iterator[type[ApiError]]:
    """Every kind of ApiError, one per code, by status."""
    found: list[type[ApiError]] = [ApiError]
    for kind in found:
        found.extend(kind.__subclasses__())
    yield from sorted({kind.code: kind for kind in reversed(found)}.values(), key=lambda kind: (kind.status, kind.code))


def markdown() -> str:
    """The whole of `docs/errors.md`."""
    sections = [f"## {kind.code}\n\n**{kind.status}** {kind.title}.\n\n{TEXTS[kind.code]}\n" for kind in kinds()]
    return f"{_HEAD}\n" + "\n".join(sections)


_HEAD = """# Errors

Every answer of 4xx and 5xx is `application/problem+json` (RFC 9457) with `type`, `title`, `status`, `detail`, `code`
and `request_id`; a validation error has `errors` besides, a list of `{pointer, detail}`. Decide by `code`: it does not
change, while the words of `detail` may. `type` is the address of the section below, as served by the node.

Made from the code: `python -m gigaday.api.error_texts > docs/errors.md`.
"""

if __name__ == "__main__":
    print(markdown(), end="")
