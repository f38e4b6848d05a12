"""What providers call the bands, and which of them this room speaks of.

Earth Search names assets by colour (``red``, ``nir``, ``scl``), the Planetary
Computer by the instrument's band (``B04``, ``B08``, ``SCL``). One table maps both
to one name; names are compared without regard to case.
"""

from __future__ import annotations

from collections.abc import Iterable

SCL = "scl"

# Band name -> asset names by provider. Sentinel-2 MSI band numbers, ESA S2 user handbook.
ALIASES: dict[str, tuple[str, ...]] = {
    "blue": ("blue", "b02", "b2"),
    "green": ("green", "b03", "b3"),
    "red": ("red", "b04", "b4"),
    "rededge1": ("rededge1", "rededge", "b05", "b5"),
    "rededge2": ("rededge2", "b06", "b6"),
    "rededge3": ("rededge3", "b07", "b7"),
    "nir": ("nir", "b08", "b8"),
    "nir08": ("nir08", "b8a"),
    "swir16": ("swir16", "b11"),
    "swir22": ("swir22", "b12"),
    SCL: ("scl",),
}


def bands_of(asset_names: Iterable[str]) -> dict[str, str]:
    """Band name to asset name, for those assets that are bands this room knows.

    Where a scene has two assets of one band (a COG and a JP2000, say), the one
    whose name comes first in the table wins.
    """
    by_lower = {name.lower(): name for name in asset_names}
    found: dict[str, str] = {}
    for band, aliases in ALIASES.items():
        for alias in aliases:
            if alias in by_lower:
                found[band] = by_lower[alias]
                break
    return found
