"""A node that says it is ready and fails everything else at once; run as a module, in a node's place."""

import asyncio
import sys

_READY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
_BROKEN = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n%s"
)
_BODY = b'{"title": "Internal error", "status": 500, "code": "internal", "request_id": "sick"}'
_HEALTH = (b"/readyz", b"/livez", b"/api/health")


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serves one connection."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(_length(head))
            healthy = head.split(b" ", 2)[1] in _HEALTH
            writer.write(_READY if healthy else _BROKEN % (len(_BODY), _BODY))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def serve(port: int) -> None:
    """Until the process is ended."""
    server = await asyncio.start_server(answer, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
