vcl 4.1;

# The edge cache in front of the balancer: what answers say that they are public is kept, and served stale for a while
# where the balancer does not answer. Requests that carry a token pass through: their answers are nobody else's.

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

sub vcl_recv {
    # Probes and metrics are no business of the public.
    if (req.url ~ "^/(metrics|readyz|livez)") {
        return (synth(404));
    }
    unset req.http.Cookie;
}

sub vcl_backend_response {
    set beresp.grace = 5m;
    if (beresp.http.Cache-Control !~ "public") {
        set beresp.uncacheable = true;
        set beresp.ttl = 10s;
    }
}

sub vcl_deliver {
    unset resp.http.Via;
    unset resp.http.X-Varnish;
}
