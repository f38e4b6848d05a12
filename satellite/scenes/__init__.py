"""Scenes: STAC items, their bands, and the pixels behind them (rasterio's door)."""
