#!/bin/sh
# Joins the members HOST:PORT... to a cluster with REPLICAS replicas for each primary, unless they are one already.
# The password, if any, is in REDISCLI_AUTH.
set -eu

# Set to nothing, redis-cli would still log in with it, and be refused.
[ -n "${REDISCLI_AUTH-}" ] || unset REDISCLI_AUTH
first=${1%%:*}
port=${1##*:}
for member in "$@"; do
    until redis-cli -h "${member%%:*}" -p "${member##*:}" ping | grep -q PONG; do
        echo "waiting for $member"
        sleep 1
    done
done
if redis-cli -h "$first" -p "$port" cluster info | grep -q cluster_state:ok; then
    echo "the cluster is there"
    exit 0
fi
redis-cli --cluster create "$@" --cluster-replicas "${REPLICAS:-1}" --cluster-yes
