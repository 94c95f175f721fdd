"""The laboratory's Redis Cluster, for tests."""

from gigaday.lab.servers.redis import SLOTS, RedisCluster

__all__ = ["SLOTS", "RedisCluster"]
