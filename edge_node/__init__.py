"""The base station: intake, store, offline decisions, sync, kiosk and tablet pages.

It must go on deciding, correctly, for weeks without a network, on a board with
512 MB of memory. Imports only ``core``; nothing of the science stack, ever.
"""
