"""A CDN's edge: nginx as a cache before the balancers, which keeps what the origin lets shared caches keep."""

import getpass
import os
from collections.abc import Sequence
from pathlib import Path

from gigaday.lab.member import Member
from gigaday.lab.servers.programs import find

CONFIG = """
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    server_tokens off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/unused;
    uwsgi_temp_path {folder}/unused;
    scgi_temp_path {folder}/unused;
    proxy_cache_path {folder}/cache keys_zone=edge:8m max_size=256m inactive=1h use_temp_path=off;
    upstream balancers {{
        {origins}
        keepalive 64;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        client_max_body_size 0;
        location / {{
            proxy_pass http://balancers;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_request_buffering off;
            proxy_connect_timeout 1s;
            # A request that may have been taken is never sent twice.
            proxy_next_upstream error timeout;
            proxy_next_upstream_tries 2;
            proxy_cache edge;
            proxy_cache_key "$http_host$request_uri $http_accept_encoding";
            # What came with a token is one caller's own, whatever its answer says.
            proxy_cache_bypass $http_authorization;
            proxy_no_cache $http_authorization;
            proxy_cache_lock on;
            proxy_cache_use_stale error timeout updating http_502 http_503 http_504;
            add_header X-Edge-Cache $upstream_cache_status always;
        }}
    }}
}}
"""


def cdn(folder: Path, balancers: Sequence[int], port: int) -> Member:
    """The edge before balancers at these ports: the first is asked, and the others where it is down."""
    folder.mkdir(parents=True, exist_ok=True)
    spare = (f"server 127.0.0.1:{one} backup;" for one in balancers[1:])
    first = f"server 127.0.0.1:{balancers[0]} max_fails=1 fail_timeout=1s;"
    text = CONFIG.format(user=_user(), folder=folder, port=port, origins="\n        ".join((first, *spare)))
    config = folder / "nginx.conf"
    config.write_text(text)
    return Member("cdn", "cdn", [find("nginx"), "-c", str(config), "-e", "stderr"], folder, {"port": port})


def _user() -> str:
    # Started by root, its workers would be somebody who may not read here.
    return f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
