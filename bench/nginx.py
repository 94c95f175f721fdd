"""nginx as the yardstick of a hot read: an answer from its proxy cache, behind a map of keys and a request limit."""

import contextlib
import getpass
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench import processes

_CONFIG = """
{user}
worker_processes 1;
daemon off;
error_log {folder}/error.log warn;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 100000000;
    map_hash_bucket_size 256;
    map $http_authorization $tenant {{ default ""; "Bearer {token}" "bench"; }}
    limit_req_zone $tenant zone=tenants:1m rate=1000000r/s;
    proxy_cache_path {folder}/cache keys_zone=answers:1m;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location / {{
            if ($tenant = "") {{ return 401; }}
            limit_req zone=tenants burst=1000000 nodelay;
            proxy_pass http://127.0.0.1:{origin};
            proxy_cache answers;
            proxy_cache_key "$tenant$request_uri$http_accept_encoding";
            proxy_cache_valid 200 1h;
            proxy_ignore_headers Cache-Control Expires Vary Set-Cookie;
            add_header X-Cache $upstream_cache_status;
        }}
    }}
}}
"""


@contextlib.contextmanager
def serving(folder: Path, token: str, origin: int) -> Iterator[tuple[int, int]]:
    """The port and the worker's pid of an nginx that caches what `origin` (a port) answers."""
    port = processes.free_port()
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(user=_user(), folder=folder, token=token, port=port, origin=origin))
    with subprocess.Popen(["nginx", "-c", str(config), "-e", str(folder / "error.log")]) as process:
        try:
            yield port, _worker(process.pid)
        finally:
            process.terminate()


def _worker(parent: int) -> int:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        # The cache's loader and manager are children as well; the worker is the first.
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
        time.sleep(0.02)
    raise RuntimeError("nginx does not start")


def _user() -> str:
    # Started by root, its workers would be somebody who may not write here.
    return f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
