"""Benches: what Harvestline does in a second, beside a peer or a limit in the same run."""
