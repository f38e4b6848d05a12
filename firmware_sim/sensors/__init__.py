"""From what is true to what a sensor says: noise, bias, drift and the faults of real loggers."""
