"""Recorded readings of real loggers, played as if their devices stood here."""
