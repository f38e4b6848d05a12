"""Imagery to evidence: scenes, plots, series, seasons, yields, signed documents.

The room stops at yield quantiles; only the server moves limits. Layers, outermost
first: app, evidence, yields, season, series, statistics, indices, scenes, keys,
config. A name imports only to its right. ``scenes`` is the one door to rasterio.
"""

VERSION = "0.1.0"
SOFTWARE = f"harvestline-satellite {VERSION}"
