"""The answers to a prober: `/livez` (the process), `/readyz` (this node), `/api/health` (all it depends on)."""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gigaday.api.readonly import readonly
from gigaday.ops.health import Health

RETRY_AFTER = "2"


def routes(health: Health) -> list[Route]:
    """Routes that read what `health` knows; none of them probes anything itself."""

    async def livez(request: Request) -> Response:
        return _answer(200, {"status": "alive"})

    async def readyz(request: Request) -> Response:
        if health.ready:
            return _answer(200, {"status": "ready"})
        return _answer(503, {"status": "draining" if health.draining else "starting"})

    async def report(request: Request) -> Response:
        fault = health.fault()
        body: dict[str, Any] = {"status": "unhealthy", "error": fault} if fault else {"status": "healthy"}
        mode, causes = health.mode()
        body |= {"mode": mode, **({"modeCauses": causes} if causes else {}), "components": health.snapshot()}
        return _answer(503 if fault else 200, body)

    return [readonly("/livez", livez), readonly("/readyz", readyz), readonly("/api/health", report)]


def _answer(status: int, body: dict[str, Any]) -> Response:
    headers = {"cache-control": "no-store"}
    if status == 503:
        headers["retry-after"] = RETRY_AFTER
    return Response(msgspec.json.encode(body), status, headers, "application/json")
