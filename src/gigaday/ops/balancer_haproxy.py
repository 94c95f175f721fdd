"""The configuration of HAProxy 2.6 and later."""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from gigaday.ops.balancer import (
    CONNECT_SECONDS,
    ERRORS,
    GRACE_SECONDS,
    HEADER_SECONDS,
    IDLE_SECONDS,
    KEEP_ALIVE_SECONDS,
    QUEUE_SECONDS,
    Balancer,
    problem,
)

CONFIG, EJECT = "haproxy.cfg", "eject.lua"
_HARMLESS_ID = "^[A-Za-z0-9._-]{1,64}$"
_NOWHERE = "127.0.0.1:1"
"""The address of a slot, until a node takes it."""


def files(balancer: Balancer, folder: Path) -> dict[str, str]:
    """The configuration and the script that it loads."""
    sections = (_global, _defaults, _clients, _nodes, _anyway, _metrics)
    lines = [line for section in sections for line in section(balancer, folder)]
    script = resources.files("gigaday.ops").joinpath(EJECT).read_text(encoding="utf-8")
    return {CONFIG: "\n".join(lines) + "\n", EJECT: script.replace("{seconds}", f"{balancer.eject_seconds:g}")}


def _global(balancer: Balancer, folder: Path) -> Iterator[str]:
    limits = balancer.limits
    yield "global"
    if balancer.admin_socket is not None:
        yield f"    stats socket {balancer.admin_socket} mode 600 level admin expose-fd listeners"
    yield f"    hard-stop-after {_ms(balancer.drain_seconds + limits.request_timeout + IDLE_SECONDS)}"
    yield "    # Written by --output, into a folder beside this file."
    yield f"    lua-load {folder / EJECT}"
    yield "    # Room for a head that the node may still refuse by itself, with its own message."
    yield f"    tune.bufsize {2 * limits.header_bytes}"
    yield f"    tune.http.maxhdr {limits.header_count + 27}"
    yield "    ssl-default-bind-options ssl-min-ver TLSv1.2"
    yield ""


def _defaults(balancer: Balancer, folder: Path) -> Iterator[str]:
    server = _ms(balancer.limits.request_timeout + GRACE_SECONDS)
    yield "defaults"
    yield "    mode http"
    yield f"    timeout connect {_ms(CONNECT_SECONDS)}"
    yield f"    timeout http-request {_ms(HEADER_SECONDS)}"
    yield f"    timeout http-keep-alive {_ms(KEEP_ALIVE_SECONDS)}"
    yield f"    timeout client {_ms(IDLE_SECONDS)}"
    yield f"    timeout server {server}"
    yield f"    timeout queue {_ms(QUEUE_SECONDS)}"
    yield "    timeout check 750ms"
    yield "    option dontlognull"
    yield "    unique-id-format %{+X}o%ci%cp%Ts%rt%pid"
    for status in ERRORS:
        again = " hdr Retry-After 1" if status >= 502 else ""
        body = problem(status, "%[var(txn.id)]").replace("\\", "\\\\").replace('"', '\\"')
        yield (
            f"    http-error status {status} content-type application/problem+json "
            f'lf-string "{body}" hdr Cache-Control no-store{again}'
        )
    yield ""


def _clients(balancer: Balancer, folder: Path) -> Iterator[str]:
    limits = balancer.limits
    tls = f" ssl crt {balancer.certificate} alpn h2,http/1.1" if balancer.certificate else ""
    waiting = limits.queued * len(balancer.nodes)
    yield "frontend clients"
    yield f"    bind {balancer.listen}{tls}"
    yield f"    acl harmless_id req.fhdr(x-request-id) -m reg {_HARMLESS_ID}"
    yield "    http-request set-var(txn.id) req.fhdr(x-request-id) if harmless_id"
    yield "    http-request set-var(txn.id) unique-id unless { var(txn.id) -m found }"
    yield "    http-request set-header X-Request-Id %[var(txn.id)]"
    yield "    http-request deny deny_status 400 unless { req.hdr_cnt(host) eq 1 }"
    yield "    http-request deny deny_status 400 if HTTP_1.0 { req.hdr(transfer-encoding) -m found }"
    yield f"    http-request deny deny_status 413 if {{ req.body_size gt {limits.body_bytes} }}"
    yield "    http-request deny deny_status 404 if { path,url_dec /metrics }"
    yield "    # Refused here in C: a node would have to work for it."
    yield f"    http-request deny deny_status 503 if {{ queue(nodes) ge {waiting} }}"
    if balancer.behind:
        yield f"    acl from_proxy src {' '.join(balancer.behind)}"
        yield "    http-request del-header X-Forwarded-For unless from_proxy"
    else:
        yield "    http-request del-header X-Forwarded-For"
    yield "    option forwardfor"
    yield "    http-request del-header Forwarded"
    yield "    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]"
    yield "    http-after-response set-header Server gigaday"
    yield "    http-after-response set-header X-Request-Id %[var(txn.id)] if { var(txn.id) -m found }"
    yield "    # Better any node than none: what all of them have in common is not the fault of each."
    yield "    use_backend anyway if { nbsrv(nodes) eq 0 }"
    yield "    default_backend nodes"
    yield ""


def _routing() -> Iterator[str]:
    yield "    balance leastconn"
    yield "    http-reuse safe"
    yield "    retries 2"
    yield "    option redispatch 1"
    yield "    retry-on conn-failure empty-response response-timeout"
    yield "    # A write may have been done already; only one that never left is sent again."
    yield "    http-request disable-l7-retry unless METH_GET"


def _nodes(balancer: Balancer, folder: Path) -> Iterator[str]:
    yield "backend nodes"
    yield from _routing()
    yield "    option httpchk"
    yield "    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host gigaday"
    yield "    http-check expect status 200"
    yield "    http-response lua.eject if { status 500 502 504 }"
    yield (
        "    default-server check inter 300ms fastinter 50ms downinter 1s fall 2 rise 2 observe layer4 error-limit 3 "
        f"on-error mark-down slowstart 10s maxconn {balancer.limits.handed} "
        "pool-purge-delay 30s"
    )
    yield from _servers(balancer)
    yield ""


def _anyway(balancer: Balancer, folder: Path) -> Iterator[str]:
    yield "backend anyway"
    yield from _routing()
    yield f"    default-server maxconn {balancer.limits.handed}"
    yield from _servers(balancer)


def _servers(balancer: Balancer) -> Iterator[str]:
    for number, node in enumerate(balancer.nodes, 1):
        yield f"    server node{number} {_address(node)}"
    for number in range(len(balancer.nodes) + 1, len(balancer.nodes) + balancer.slots + 1):
        yield f"    server node{number} {_NOWHERE} disabled"


def _metrics(balancer: Balancer, folder: Path) -> Iterator[str]:
    if balancer.metrics:
        yield ""
        yield "frontend metrics"
        yield f"    bind {balancer.metrics}"
        yield "    http-request use-service prometheus-exporter if { path /metrics }"
        yield "    http-request return status 404"


def _address(node: str) -> str:
    return node.replace("unix:", "unix@", 1) if node.startswith("unix:") else node


def _ms(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"
