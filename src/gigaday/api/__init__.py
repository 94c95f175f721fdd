"""The origin: one file per resource."""
