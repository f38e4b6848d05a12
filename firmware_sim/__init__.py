"""Devices in a box, and the seeded district around them.

One weather drives the soil, the crop, the pasture, the animals, the machines, what
the sensors read and what the satellite sees, so that all evidence agrees with
itself. The truth stays in this room: what leaves it is what a lender could know.
"""
