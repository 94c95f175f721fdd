"""One technology per file; the only place that imports drivers."""
