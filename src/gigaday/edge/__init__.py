"""ASGI stages in front of every handler."""
