"""Many devices in one process, talking to a real broker as if each stood alone."""
