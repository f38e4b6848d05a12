"""The story of a season: real processes on a virtual clock, and what must hold.

The director starts server, station and satellite as child processes, plays the
devices, the sky, the farmers and the link, and advances the clock file by which
all of them live. It speaks to the others only as a person or a device could: over
HTTP, MQTT and files.
"""
