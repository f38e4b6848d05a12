"""What ``harvestline-satellite`` can be asked: one module a family of commands."""
