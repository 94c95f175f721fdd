"""The laboratory's replica set, for tests."""

from gigaday.lab.servers.mongod import ReplicaSet

__all__ = ["ReplicaSet"]
