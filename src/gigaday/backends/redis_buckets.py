"""Token buckets in Redis Cluster: one atomic script a decision, on one key, by Redis's own clock."""

import hashlib

from gigaday.backends.redis_connect import Redis
from gigaday.backends.redis_lane import ReplyError
from gigaday.contracts import Grant, Policy
from gigaday.errors import BackendDown

# The arithmetic is that of `rules.buckets`. A bucket that is full is not there: the key lives until it would be.
# What takes nothing writes nothing. When the quota changes, the bucket stays as full as it was, in proportion.
_LEASE = """
local quota, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local least, most = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local tokens, at = math.min(quota, tonumber(ARGV[5])), now
local kept = redis.call('GET', KEYS[1])
if kept then
  local held, since, of = string.match(kept, '^(%S+) (%S+) (%S+)$')
  at = tonumber(since)
  tokens = held * quota / of + math.max(0, now - at) * quota / window
  tokens, at = math.min(quota, tokens), math.max(now, at)
end
local taken = most
if most >= 0 then
  taken = math.min(most, math.floor(tokens + 1e-9))
  if taken < least then taken = 0 end
end
if taken ~= 0 then
  tokens = math.min(quota, math.max(0, tokens - taken))
  local full = math.ceil((quota - tokens) * window / quota * 1000)
  if full > 0 then
    redis.call('SET', KEYS[1], string.format('%.17g %.17g %.17g', tokens, at, quota), 'PX', full)
  else
    redis.call('DEL', KEYS[1])
  end
end
return {taken, string.format('%.17g', tokens)}
"""
_DIGEST = hashlib.sha1(_LEASE.encode(), usedforsecurity=False).hexdigest()


class RedisBuckets:
    """`SharedBuckets` under the keys given, each in the slot that its own `{...}` names."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def lease(self, key: str, policy: Policy, least: int, most: int, start: float | None = None) -> Grant:
        arguments = (1, key, policy.quota, policy.window, least, most, policy.quota if start is None else start)
        try:
            try:
                granted, level = await self._redis.ask(key, "EVALSHA", _DIGEST, *arguments)
            except ReplyError as error:
                if error.kind != "NOSCRIPT":
                    raise
                # A member that has just become primary, or started anew, learns the script by this.
                granted, level = await self._redis.ask(key, "EVAL", _LEASE, *arguments)
        except ReplyError as error:
            raise BackendDown(f"redis: {error}") from error
        return Grant(granted=granted, level=float(level))

    async def ping(self) -> None:
        await self._redis.ping()

    async def close(self) -> None:
        await self._redis.close()
