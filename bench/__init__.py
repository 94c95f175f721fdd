"""Benchmarks: what matters is compared side by side in one run, so that a noisy machine disturbs both alike."""
