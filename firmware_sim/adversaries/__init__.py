"""People who cheat with devices, for a fleet: what a station should see through.

Opt-in and seeded like everything else: the honest devices of the same village keep
their readings. ``kinds`` names the adversaries and reads them from a plan, ``lies`` holds
what sensors are shown, ``messages`` what is published, ``enlist`` puts them into a fleet.
"""

from firmware_sim.adversaries.enlist import enlisted
from firmware_sim.adversaries.kinds import (
    Adversary,
    Bucket,
    Clone,
    IdleTractor,
    Replay,
    ReplayWay,
    Rerun,
    Spoof,
    SpoofWay,
)

__all__ = [
    "Adversary",
    "Bucket",
    "Clone",
    "IdleTractor",
    "Replay",
    "ReplayWay",
    "Rerun",
    "Spoof",
    "SpoofWay",
    "enlisted",
]
