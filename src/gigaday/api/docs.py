"""The API's description and its browsable pages, served by the node itself: nothing is fetched from elsewhere."""

import hashlib
import html
import re
from importlib import metadata, resources

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from gigaday.api.error_texts import TEXTS, kinds
from gigaday.api.readonly import readonly
from gigaday.errors import ApiError, NotFound

ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}
IMMUTABLE = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=60"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURE = {"content-security-policy": CSP, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
START = b"""SwaggerUIBundle({
  url: "/api/openapi.json", dom_id: "#api", deepLinking: true, validatorUrl: null, tryItOutEnabled: true,
});
"""


# The viewer knows no dark colours: what it draws is inverted, and its hues are turned back.
STYLE = (
    "<style>body{margin:0}@media(prefers-color-scheme:dark){html{background:#fff;filter:invert(.9) hue-rotate(180deg)}}"
    "</style>"
)


def routes(openapi: bytes) -> list[Route]:
    """`openapi` is the finished OpenAPI document, as JSON."""
    folder = resources.files("openapi_ui_bundles") / "swagger_ui" / "vendor"
    # The viewer's version is in its path, so that it can be cached for ever.
    base = f"/docs/static/{metadata.version('openapi-ui-bundles')}"
    index = _index(base)

    async def description(request: Request) -> Response:
        return _cached(request, openapi, "application/json", BRIEFLY)

    async def viewer(request: Request) -> Response:
        return _cached(request, index, "text/html", BRIEFLY)

    async def start(request: Request) -> Response:
        return _cached(request, START, "text/javascript", BRIEFLY)

    async def asset(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            raise NotFound
        headers = SECURE | {"cache-control": IMMUTABLE}
        return FileResponse(str(folder / name), headers=headers, media_type=ASSETS[name])

    async def error(request: Request) -> Response:
        page = pages.get(request.path_params["code"])
        if page is None:
            raise NotFound
        return _cached(request, page, "text/html", BRIEFLY)

    pages = {kind.code: _error_page(kind) for kind in kinds()}
    return [
        readonly("/api/openapi.json", description),
        readonly("/docs", viewer),
        readonly("/docs/start.js", start),
        readonly(base + "/{name}", asset),
        readonly("/docs/errors/{code}", error),
    ]


def _cached(request: Request, body: bytes, media_type: str, cache: str) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = SECURE | {"cache-control": cache, "etag": etag}
    if etag in [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=media_type)


def _page(title: str, body: str, head: str = "") -> bytes:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head><body>{body}</body></html>\n'
    ).encode()


def _index(base: str) -> bytes:
    head = (
        f'<link rel="stylesheet" href="{base}/swagger-ui.css"><link rel="icon" href="{base}/favicon-32x32.png">'
        f'<script src="{base}/swagger-ui-bundle.js" defer></script><script src="/docs/start.js" defer></script>{STYLE}'
    )
    fallback = '<noscript>The description is at <a href="/api/openapi.json">/api/openapi.json</a>.</noscript>'
    return _page("Gigaday API", f'<main id="api"></main>{fallback}', head)


def _error_page(kind: type[ApiError]) -> bytes:
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(TEXTS[kind.code]))
    style = (
        "<style>body{font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;"
        "color:#1b1f24;background:#fff}code{background:#eef1f4;padding:.1em .3em;border-radius:3px}"
        "@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#15181c}code{background:#2a2f36}"
        "a{color:#8ab4f8}}</style>"
    )
    body = (
        f"<main><h1><code>{kind.code}</code></h1><p><strong>{kind.status}</strong> {html.escape(kind.title)}.</p>"
        f'<p>{text}</p><p><a href="/docs">The API</a></p></main>'
    )
    return _page(f"{kind.code} - Gigaday errors", body, style)
