"""Settings -> back ends -> coherence -> tenancy -> origin -> edge: the only wiring."""

from gigaday.compose.backends import Backends, database_admin, database_failover, describe, open_backends
from gigaday.compose.balancing import balancer_limits
from gigaday.compose.node import Node, create_app, node, operations
from gigaday.compose.resources import COLLECTIONS, RESOURCES, product_validator
from gigaday.compose.services import Services, audit, demo, limits, mode_file, modes, services, tenancy
from gigaday.compose.shared import backup_answers, redis_admins

__all__ = ["COLLECTIONS", "RESOURCES", "Backends", "Node", "Services", "audit", "backup_answers", "balancer_limits",
           "create_app", "database_admin", "database_failover", "demo", "describe", "limits", "mode_file",
           "modes", "node", "open_backends", "operations", "product_validator", "redis_admins", "services",
           "tenancy"]  # fmt: skip
