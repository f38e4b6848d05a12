"""What can go wrong with a scene, by number: its catalog, its address, its raster."""

from __future__ import annotations

from core.errors import HarvestlineError


class CatalogError(HarvestlineError):
    """A catalog or an item is missing, not STAC, or empty."""

    code = "HL-SAT-002"


class RasterError(HarvestlineError):
    """A raster is missing, broken, rotated, or its numbers cannot be trusted."""

    code = "HL-SAT-004"


class WebError(HarvestlineError):
    """An address does not answer, answers too much, or may not be followed.

    The scene may be whole and the link broken: it is tried again in the next round.
    """

    code = "HL-SAT-013"
