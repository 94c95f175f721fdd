"""Settings -> back ends -> coherence -> tenancy -> origin -> edge: the only wiring."""

from gigaday.compose.backends import Backends, database_admin, describe, open_backends
from gigaday.compose.node import Node, create_app, node, operations
from gigaday.compose.resources import COLLECTIONS, RESOURCES, product_validator
from gigaday.compose.services import Services, demo, limits, services, tenancy
from gigaday.compose.shared import redis_admins

__all__ = ["COLLECTIONS", "RESOURCES", "Backends", "Node", "Services", "create_app", "database_admin", "demo",
           "describe", "limits", "node", "open_backends", "operations", "product_validator", "redis_admins", "services",
           "tenancy"]  # fmt: skip
