"""What ``harvestline-edge`` can do; time, identifiers and chance come from ``app.py``."""
