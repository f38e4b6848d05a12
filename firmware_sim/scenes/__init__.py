"""Pictures of the district as Sentinel-2 would deliver them, with all their faults.

Knows surfaces with leaves and wet or dry soil, not crops or farmers: what grows is
told by ``district``. Leaf area becomes reflectance by light's extinction in a canopy
over a soil line; clouds, shadows, mixed edges, sensor noise and an imperfect mask
are added; the result is a STAC item with one cloud-optimised GeoTIFF a band.
``raster`` is the simulator's only door to rasterio.
"""
