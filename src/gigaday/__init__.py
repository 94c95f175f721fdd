"""Gigaday: multi-tenant API management for products and media."""

__version__ = "0.1.0"
