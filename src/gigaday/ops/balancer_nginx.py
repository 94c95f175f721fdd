"""The configuration of nginx 1.22 and later, of the parts that are free."""

from collections.abc import Iterator
from pathlib import Path

from gigaday.ops.balancer import (
    CONNECT_SECONDS,
    ERRORS,
    GRACE_SECONDS,
    HEADER_SECONDS,
    IDLE_SECONDS,
    KEEP_ALIVE_SECONDS,
    Balancer,
    problem,
)

CONFIG = "nginx.conf"
_TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
_PROBLEMS = "/.problems/"
"""Where errors are redirected to within nginx; not a named location, as a request that cannot be read has no path."""
_TOO_LONG, _HEADERS_TOO_LARGE = 414, 494
_ONCE, _TO_ONCE = "@once", 418
"""The location of what is sent once, and the status, which nginx itself never answers, that leads there: a directive
that depends on the method must stand in another location."""


def files(balancer: Balancer, folder: Path) -> dict[str, str]:
    """The one file; `folder` gets its process id and temporary files."""
    lines = [*_main(folder), "http {", *(f"    {line}" if line else "" for line in _http(balancer, folder)), "}"]
    return {CONFIG: "\n".join(lines) + "\n"}


def _main(folder: Path) -> Iterator[str]:
    yield "worker_processes auto;"
    yield "daemon off;"
    yield f"pid {folder}/nginx.pid;"
    yield "error_log stderr warn;"
    yield "events { worker_connections 8192; }"


def _http(balancer: Balancer, folder: Path) -> Iterator[str]:
    yield "access_log off;"
    yield "server_tokens off;"
    yield from (f"{name}_temp_path {folder}/{name};" for name in _TEMPORARY)
    yield from _timeouts(balancer)
    yield from _variables(balancer)
    yield from _upstream(balancer)
    yield from _server(balancer)


def _timeouts(balancer: Balancer) -> Iterator[str]:
    limits = balancer.limits
    yield f"client_header_timeout {HEADER_SECONDS}s;"
    yield f"client_body_timeout {IDLE_SECONDS}s;"
    yield f"send_timeout {IDLE_SECONDS}s;"
    yield f"keepalive_timeout {KEEP_ALIVE_SECONDS}s;"
    yield "reset_timedout_connection on;"
    yield f"large_client_header_buffers 4 {limits.header_bytes};"
    yield f"client_max_body_size {limits.body_bytes};"
    yield f"proxy_connect_timeout {CONNECT_SECONDS}s;"
    yield f"proxy_read_timeout {round(limits.request_timeout + GRACE_SECONDS)}s;"
    yield f"proxy_send_timeout {IDLE_SECONDS}s;"


def _variables(balancer: Balancer) -> Iterator[str]:
    yield "map $http_x_request_id $chosen_id {"
    yield "    default $request_id;"
    yield '    "~^[A-Za-z0-9._-]{1,64}$" $http_x_request_id;'
    yield "}"
    yield "geo $from_proxy {"
    yield "    default 0;"
    yield from (f"    {network} 1;" for network in balancer.behind)
    yield "}"
    yield "map $from_proxy $forwarded {"
    yield "    0 $remote_addr;"
    yield "    1 $proxy_add_x_forwarded_for;"
    yield "}"
    yield "# An address in the request line that differs from Host: one of the two lies."
    yield "map $http_host $named_host {"
    yield '    "~^(?<bare_host>.*?)(:[0-9]+)?$" $bare_host;'
    yield "}"
    yield 'map "$host|$named_host" $hosts_differ {'
    yield "    default 1;"
    yield r'    "~*^(.*)\|\1$" 0;'
    yield "}"


def _upstream(balancer: Balancer) -> Iterator[str]:
    handed, spare = balancer.limits.handed, balancer.limits.queued
    yield "upstream nodes {"
    yield "    zone nodes 256k;"
    yield "    least_conn;"
    yield from (f"    server {node} max_fails=3 fail_timeout=30s max_conns={handed};" for node in balancer.nodes)
    yield "    # Better any node than none: what all of them have in common is not the fault of each."
    yield from (f"    server {node} max_fails=0 max_conns={spare} backup;" for node in balancer.nodes)
    yield "    keepalive 128;"
    yield "}"


def _server(balancer: Balancer) -> Iterator[str]:
    tls = " ssl http2" if balancer.certificate else ""
    yield "server {"
    yield f"    listen {balancer.listen}{tls} backlog=2048;"
    if balancer.certificate:
        yield f"    ssl_certificate {balancer.certificate};"
        yield f"    ssl_certificate_key {balancer.certificate};"
        yield "    ssl_protocols TLSv1.2 TLSv1.3;"
    yield "    merge_slashes off;"
    yield "    if ($hosts_differ) { return 400; }"
    yield "    if ($server_protocol = HTTP/0.9) { return 400; }"
    yield f"    error_page {_TOO_LONG} {_HEADERS_TOO_LARGE} =400 {_PROBLEMS}400;"
    yield from (f"    error_page {status} {_PROBLEMS}{status};" for status in ERRORS if status != 502)
    yield "    # No node, or none with a free place: for nginx it is the same."
    yield f"    error_page 502 =503 {_PROBLEMS}503;"
    yield f"    error_page {_TO_ONCE} = {_ONCE};"
    yield from (f"    {line}" for line in _proxied())
    yield from (f"    {line}" for line in _locations())
    for status in ERRORS:
        if status != 502:
            yield from (f"    {line}" for line in _problem(status))
    yield "}"


def _proxied() -> Iterator[str]:
    yield "proxy_http_version 1.1;"
    yield 'proxy_set_header Connection "";'
    yield "proxy_set_header Host $http_host;"
    yield "proxy_set_header X-Request-Id $chosen_id;"
    yield "proxy_set_header X-Forwarded-For $forwarded;"
    yield "proxy_set_header X-Forwarded-Proto $scheme;"
    yield 'proxy_set_header Forwarded "";'
    yield "proxy_pass_header Server;"
    yield "proxy_request_buffering off;"
    yield "proxy_max_temp_file_size 0;"
    yield "proxy_next_upstream_tries 2;"


def _locations() -> Iterator[str]:
    yield "location = /metrics { return 404; }"
    yield "location / {"
    yield "    # So that what has been led on finds the page of its own error."
    yield "    recursive_error_pages on;"
    yield "    # nginx would repeat these though they may have been done."
    yield f"    if ($request_method ~ ^(PUT|DELETE)$) {{ return {_TO_ONCE}; }}"
    yield "    # Of other writes only one that never left is sent again: nginx's own rule, unless told non_idempotent."
    yield "    proxy_next_upstream error timeout invalid_header http_500 http_502 http_504;"
    yield "    proxy_pass http://nodes;"
    yield "}"
    yield f"location {_ONCE} {{"
    yield "    proxy_next_upstream off;"
    yield "    proxy_pass http://nodes;"
    yield "}"


def _problem(status: int) -> Iterator[str]:
    yield f"location = {_PROBLEMS}{status} {{"
    yield "    internal;"
    yield "    default_type application/problem+json;"
    yield "    add_header X-Request-Id $chosen_id always;"
    yield "    add_header Cache-Control no-store always;"
    if status >= 502:
        yield "    add_header Retry-After 1 always;"
    yield f"    return {status} '{problem(status, '$chosen_id')}';"
    yield "}"
