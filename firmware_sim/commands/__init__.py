"""One module a command of ``harvestline-sim``."""
