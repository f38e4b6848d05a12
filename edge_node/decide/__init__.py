"""Decisions at the station, with no uplink: applications, draws, leases given back."""
