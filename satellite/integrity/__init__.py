"""Integrity: what does not fit, as flags that send an officer and refuse nobody."""
