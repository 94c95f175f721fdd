"""A CDN's edge: nginx as a cache before the balancers, for what anyone may fetch. It forgets by tag (`deploy/cdn` has
the same rules)."""

import getpass
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gigaday.lab.member import Member
from gigaday.lab.servers.programs import find
from gigaday.lab.waiting import ServerMissing

RULES = """\
    # What was purged last, by tag. The latest number among the tags that an answer stands under is part of its key:
    # what was kept, or was on its way, before a purge is never found again.
    lua_shared_dict purged 16m;
    init_by_lua_block {
        local purged, start = ngx.shared.purged, os.time() * 1e6  -- later than any number from before a restart
        purged:safe_add("count", start)
        purged:safe_add("floor", start)
    }
    map $uri $place {
        ~^/files/(?<tenant>[^/]+)/(?<item>[^/]+)/ $tenant/media/$item;
        ~^/api/v1/public/(?<tenant>[^/]+)/(?<list>[^/]+)/(?<item>[^/]+) $tenant/$list/$item;
        ~^/api/v1/public/(?<tenant>[^/]+)/(?<list>[^/]+) $tenant/$list/;
    }
    # Few spellings of what clients take, so that few copies are kept.
    map $http_accept_encoding $encoding {
        "~*(^|[ ,])br(?!\\s*;\\s*q=0(\\.0*)?\\s*(,|$))" br;
        "~*(^|[ ,])gzip(?!\\s*;\\s*q=0(\\.0*)?\\s*(,|$))" gzip;
    }
    map $http_accept $image {
        default "*/*";
        ~image/avif image/avif,image/webp;
        ~image/webp image/webp;
    }
"""
LOCATIONS = """\
        location / {
            proxy_pass http://origin;
        }
        location ~ ^/(files|api/v1/public)/ {
            # Nothing that the key lacks reaches the origin, so that nobody can shape what others are answered.
            set_by_lua_block $generation {
                local purged, place = ngx.shared.purged, ngx.var.place
                local tenant, collection = place:match("^([^/]+)/([^/]+)/")
                local latest = purged:get("floor")
                if not tenant then return string.format("%.0f", latest) end
                local tags = {"*", tenant, tenant .. "/" .. collection, place, "operator/tenants/" .. tenant,
                              "operator/tenants", "operator"}
                for _, tag in ipairs(tags) do
                    latest = math.max(latest, purged:get("tag " .. tag) or 0)
                end
                return string.format("%.0f", latest)
            }
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header Authorization "";
            proxy_set_header X-API-Key "";
            proxy_set_header X-Consistency-Token "";
            proxy_set_header Cookie "";
            proxy_set_header Origin "";
            proxy_set_header Accept-Encoding $encoding;
            proxy_set_header Accept $image;
            proxy_ignore_headers Vary;
            proxy_hide_header Surrogate-Key;
            proxy_cache edge;
            proxy_cache_key "$generation $encoding $image $http_host $request_uri";
            proxy_cache_lock on;
            proxy_cache_background_update on;
            proxy_cache_use_stale error timeout updating http_502 http_503 http_504;
            add_header X-Edge-Cache $upstream_cache_status always;
        }
"""
PURGES = """\
        location / {
            content_by_lua_block {
                local purged = ngx.shared.purged
                local at = purged:incr("count", 1)
                for tag in (ngx.var.http_surrogate_key or ""):gmatch("%S+") do
                    local kept, _, pushed = purged:set("tag " .. tag, at)
                    -- What was known of another tag is lost: then everything is forgotten.
                    if pushed or not kept then purged:set("floor", at) end
                end
                ngx.say("purged")
            }
        }
"""
FORWARDED = """\
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
"""
_CONFIG = """\
<user>
daemon off;
worker_processes 1;
pid <folder>/nginx.pid;
error_log stderr warn;
load_module <modules>/ndk_http_module.so;
load_module <modules>/ngx_http_lua_module.so;
events { worker_connections 4096; }
http {
    access_log off;
    server_tokens off;
    client_body_temp_path <folder>/body;
    proxy_temp_path <folder>/proxy;
    fastcgi_temp_path <folder>/unused;
    uwsgi_temp_path <folder>/unused;
    scgi_temp_path <folder>/unused;
    proxy_cache_path <folder>/cache keys_zone=edge:8m max_size=256m inactive=1h use_temp_path=off;
    lua_package_path "/usr/share/lua/5.1/?.lua;;";
<rules>    upstream origin {
        <origins>
        keepalive 64;
    }
    server {
        listen 127.0.0.1:<port> backlog=1024;
        client_max_body_size 0;
        proxy_request_buffering off;
        proxy_connect_timeout 1s;
        # A request that may have been taken is never sent twice.
        proxy_next_upstream error timeout;
        proxy_next_upstream_tries 2;
<forwarded><locations>    }
    server {
        listen 127.0.0.1:<purge>;
<purges>    }
}
"""
_MODULES = ("/usr/lib/nginx/modules", "/usr/share/nginx/modules", "/usr/lib64/nginx/modules")


def cdn(folder: Path, balancers: Sequence[int], port: int, purge: int) -> Member:
    """The edge before balancers at these ports: the first is asked, and the others where it is down. It takes PURGE at
    the port `purge`."""
    folder.mkdir(parents=True, exist_ok=True)
    spare = (f"server 127.0.0.1:{one} backup;" for one in balancers[1:])
    first = f"server 127.0.0.1:{balancers[0]} max_fails=1 fail_timeout=1s;"
    config = folder / "nginx.conf"
    config.write_text(_filled({
        "user": _user(), "folder": str(folder), "modules": str(modules()), "port": str(port), "purge": str(purge),
        "origins": "\n        ".join((first, *spare)),
        "rules": RULES, "forwarded": FORWARDED, "locations": LOCATIONS, "purges": PURGES,
    }))  # fmt: skip
    ports = {"port": port, "purge": purge}
    return Member("cdn", "cdn", [find("nginx"), "-c", str(config), "-e", "stderr"], folder, ports)


def modules() -> Path:
    """Where nginx has Lua. Raises ServerMissing."""
    for folder in map(Path, _MODULES):
        if (folder / "ngx_http_lua_module.so").exists():
            return folder
    raise ServerMissing("nginx has no Lua: apt-get install libnginx-mod-http-lua")


def settings(port: int, purge: int) -> dict[str, str]:
    """What makes nodes deliver through the edge, and tell it of writes."""
    return {"CDN_ENDPOINT": f"http://127.0.0.1:{port}", "CDN_PURGE_URLS": f"http://127.0.0.1:{purge}"}


def _filled(values: Mapping[str, str]) -> str:
    text = _CONFIG
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def _user() -> str:
    # Started by root, its workers would be somebody who may not read here.
    return f"user {getpass.getuser()};" if os.geteuid() == 0 else ""
