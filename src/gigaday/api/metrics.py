"""`/metrics`: what the node counts, for Prometheus alone.

A balancer in front of the node adds `X-Forwarded-For` to what it passes on; whoever comes that way is the public, and
finds nothing here.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gigaday.api.readonly import readonly
from gigaday.errors import NotFound
from gigaday.ops.metrics import Exposition


def routes(exposition: Exposition) -> list[Route]:
    """The route that reads `exposition`."""

    async def metrics(request: Request) -> Response:
        if "x-forwarded-for" in request.headers:
            raise NotFound("There is no such path")
        body, content_type = exposition.text(request.headers.get("accept", ""))
        return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})

    return [readonly("/metrics", metrics)]
