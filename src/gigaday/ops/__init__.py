"""What the operator sees and does: health, checks."""
