"""Whether the CDN can be reached by those who follow links, leads to the nodes, and forgets what it is told to."""

import asyncio
import http.client
from urllib.parse import urlsplit

from gigaday.contracts import Cdn
from gigaday.errors import BackendError
from gigaday.ops.doctor import Finding
from gigaday.ops.health import safe

_SECONDS = 5.0
_NOWHERE = "/files/doctor/0/0/0"
"""A path that no file has: a node refuses it in its own words, which shows that the CDN leads to one."""


async def check_cdn(cdn: Cdn, endpoint: str) -> list[Finding]:
    """Links begin with `endpoint`."""
    return [await asyncio.to_thread(_links, endpoint), await _purges(cdn)]


def _links(endpoint: str) -> Finding:
    url = urlsplit(endpoint)
    connect = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = connect(url.hostname or "", url.port, timeout=_SECONDS)
    try:
        connection.request("GET", _NOWHERE)
        answer = connection.getresponse()
        told = answer.getheader("content-type", "")
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        mend = "See that the CDN runs, and that clients reach it at CDN_ENDPOINT or CLOUDFRONT_DOMAIN."
        return Finding("cdn links", False, f"{endpoint} does not answer: {type(error).__name__}", mend)
    finally:
        connection.close()
    if answer.status == http.client.NOT_FOUND and told.startswith("application/problem+json"):
        return Finding("cdn links", True, f"{endpoint} leads to the nodes")
    mend = "See that the CDN's origin is the balancer in front of the nodes, and that nodes run."
    return Finding("cdn links", False, f"{endpoint} answered {answer.status}, and not as a node does", mend)


async def _purges(cdn: Cdn) -> Finding:
    try:
        await cdn.ping()
    except BackendError as error:
        mend = "See that CDN_PURGE_URLS are right and admit this machine, or that the role may invalidate CloudFront."
        return Finding("cdn purges", False, safe(str(error)), mend)
    return Finding("cdn purges", True, "it takes them")
