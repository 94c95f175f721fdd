vcl 4.1;

# The edge cache in front of the balancer: what answers say that they are public is kept, and served stale for a while
# where the balancer does not answer. What was written is forgotten by tag at once: nodes send PURGE with Surrogate-Key.

import std;
import xkey;

backend balancer {
    .host = "balancer";
    .port = "8080";
    .connect_timeout = 1s;
    .first_byte_timeout = 15s;
    .probe = {
        .url = "/readyz";
        .interval = 2s;
        .timeout = 1s;
        .window = 4;
        .threshold = 2;
    }
}

# Who may purge: the nodes, but not the gateway, by which clients of the machine come.
acl purgers {
    "localhost";
    "172.30.0.0"/24;
    ! "172.30.0.1";
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (client.ip !~ purgers) {
            return (synth(403, "Forbidden"));
        }
        set req.http.X-Purged = xkey.purge(req.http.Surrogate-Key);
        return (synth(200, "Purged " + req.http.X-Purged));
    }
    # Probes and metrics are no business of the public.
    if (req.url ~ "^/(metrics|readyz|livez)") {
        return (synth(404));
    }
    unset req.http.Cookie;
    # Stale answers are for when there is no other, but for the moment in which a new one is fetched.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 60s;
    }
    if (req.url ~ "^/(files|api/v1/public)/") {
        # Anyone's: nothing that the key lacks reaches a node, so that nobody can shape what others are answered.
        unset req.http.Authorization;
        unset req.http.X-API-Key;
        unset req.http.X-Consistency-Token;
        unset req.http.Origin;
        # Few spellings of what clients take, so that few copies are kept.
        if (req.http.Accept ~ "image/avif") {
            set req.http.Accept = "image/avif,image/webp";
        } elsif (req.http.Accept ~ "image/webp") {
            set req.http.Accept = "image/webp";
        } else {
            set req.http.Accept = "*/*";
        }
    }
}

sub vcl_backend_response {
    set beresp.http.xkey = beresp.http.Surrogate-Key;
    set beresp.grace = 5m;
    if (beresp.http.Cache-Control !~ "public") {
        set beresp.uncacheable = true;
        set beresp.ttl = 10s;
    } elsif (std.integer(beresp.http.Content-Length, 0) > 67108864) {
        # So large that it would push out all else: passed through, ranges and all.
        return (pass(10m));
    }
}

sub vcl_deliver {
    if (obj.hits > 0) {
        set resp.http.X-Edge-Cache = "HIT";
    } else {
        set resp.http.X-Edge-Cache = "MISS";
    }
    # Tags are between the nodes and this cache.
    unset resp.http.xkey;
    unset resp.http.Surrogate-Key;
    unset resp.http.Via;
    unset resp.http.X-Varnish;
}
