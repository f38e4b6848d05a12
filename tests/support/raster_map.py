"""A district's map of pictures for tests: fields, a track and a stream, as PMTiles of PNG."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import Writer

SIDE = 64  # pixels: enough to see, and soon drawn
FIELDS = ((196, 205, 148), (172, 190, 120), (214, 203, 160), (150, 178, 108), (188, 172, 126))


def png(colour: Callable[[int, int], tuple[int, int, int]], side: int = SIDE) -> bytes:
    """A picture of which each pixel's colour is given (PNG, 8 bits, RGB)."""
    rows = b"".join(
        b"\0" + bytes(value for x in range(side) for value in colour(x, y)) for y in range(side)
    )
    header = struct.pack(">2I5B", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def ground(z: int, x: int, y: int) -> bytes:
    """A tile of made-up country, the same wherever it is cut."""
    step = 2 ** (22 - z) * 256 // SIDE

    def colour(px: int, py: int) -> tuple[int, int, int]:
        wx, wy = (x * SIDE + px) * step, (y * SIDE + py) * step
        if abs((wx // 3 + wy) % 40_000 - 20_000) < 260:
            return (236, 229, 211)  # a track
        if abs((wy - wx // 5 + 9_000) % 90_000 - 45_000) < 420:
            return (120, 160, 186)  # a stream
        u, v = wx // 6_400 + wy // 23_000, wy // 4_700
        if (wx + 3 * wy) % 6_400 < 110 or wy % 4_700 < 110:
            return (138, 150, 96)  # a hedge
        return FIELDS[(u * 7 + v * 13 + u * v) % len(FIELDS)]

    return png(colour)


def write_raster_map(path: Path, place: tuple[float, float], zooms: range, reach: int = 1) -> None:
    """A map around a place (longitude, latitude [degrees]), so many tiles each way."""
    lon, lat = place
    wx = lon / 360 + 0.5
    wy = 0.5 - math.asinh(math.tan(math.radians(lat))) / (2 * math.pi)
    with path.open("wb") as file:
        writer = Writer(file)
        for z in zooms:
            cx, cy = int(wx * 2**z), int(wy * 2**z)
            for x in range(cx - reach - 1, cx + reach + 2):
                for y in range(cy - reach, cy + reach + 1):
                    writer.write_tile(zxy_to_tileid(z, x, y), ground(z, x, y))
        e7 = [round(value * 1e7) for value in (lon - 0.1, lat - 0.1, lon + 0.1, lat + 0.1)]
        writer.finalize(
            {"tile_type": TileType.PNG, "tile_compression": Compression.NONE,
             "min_zoom": zooms[0], "max_zoom": zooms[-1], "min_lon_e7": e7[0], "min_lat_e7": e7[1],
             "max_lon_e7": e7[2], "max_lat_e7": e7[3], "center_zoom": zooms[0],
             "center_lon_e7": 0, "center_lat_e7": 0},
            {},
        )  # fmt: skip
