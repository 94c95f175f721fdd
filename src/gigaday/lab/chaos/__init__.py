"""Experiments: a fault, what is expected of the deployment meanwhile, and the way back."""
