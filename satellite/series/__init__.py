"""Series of looks and their curves: what is cloud is dropped, what is between is smoothed."""

from satellite.series.curves import (
    LAMBDA,
    LOOKS_MIN,
    Z_90,
    Curve,
    bridge_gaps,
    robust_whittaker,
    smooth,
)
from satellite.series.looks import (
    FULL_PIXELS_MIN,
    PIXELS_MIN,
    VALID_MIN,
    VALID_MIN_SMALL,
    Series,
    SeriesLook,
    kept_looks,
    series_of,
)
from satellite.series.whittaker import Path, whittaker, whittaker_mean

__all__ = [
    "FULL_PIXELS_MIN",
    "LAMBDA",
    "LOOKS_MIN",
    "PIXELS_MIN",
    "VALID_MIN",
    "VALID_MIN_SMALL",
    "Z_90",
    "Curve",
    "Path",
    "Series",
    "SeriesLook",
    "bridge_gaps",
    "kept_looks",
    "robust_whittaker",
    "series_of",
    "smooth",
    "whittaker",
    "whittaker_mean",
]
