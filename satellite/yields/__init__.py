"""Yields: what the season so far says of the harvest, with an interval that has been tested."""
