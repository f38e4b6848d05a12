"""The rules and the wire formats that both sides of Harvestline must agree on.

Everything here is a pure function over frozen values: no input or output, no
clock, no chance, no third party. The time, identifiers and keys are arguments.
"""
