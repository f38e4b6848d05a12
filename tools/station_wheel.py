"""The wheel that is carried to a base station: ``core`` and ``edge_node``, no other room.

``python -m tools.station_wheel dist/harvestline-0.1.0-py3-none-any.whl`` writes
``harvestline-0.1.0-1edge-py3-none-any.whl`` beside it: the same distribution, version,
extras and files of those two rooms, byte for byte, under a build tag (PEP 427), which pip
prefers to none. The other rooms' files, 8 MB with bytecode, stay where they are used.
Standard library only; the same wheel gives the same bytes.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path

ROOMS = ("core", "edge_node")
BUILD = "1edge"
WHEEL_NAME = re.compile(r"(?P<name>harvestline-[0-9][^-]*)-py3-none-any\.whl")
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_MODE = 0o644 << 16


def main() -> None:
    """Write the station's wheel and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=Path, help="the whole wheel, as uv build wrote it")
    sys.stdout.write(f"{station_wheel(parser.parse_args().wheel)}\n")


def station_wheel(whole: Path) -> Path:
    """Write the station's wheel beside the whole one; its path.

    Raises
    ------
    SystemExit
        If this is not a wheel of Harvestline, or holds a room that the wheel does not know.
    """
    matched = WHEEL_NAME.fullmatch(whole.name)
    if matched is None:
        sys.exit(f"expected harvestline-VERSION-py3-none-any.whl, got {whole.name}")
    with zipfile.ZipFile(whole) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    kept = _station_files(files)
    path = whole.with_name(f"{matched['name']}-{BUILD}-py3-none-any.whl")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in kept.items():
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, _MODE
            archive.writestr(entry, data)
    return path


def _station_files(files: dict[str, bytes]) -> dict[str, bytes]:
    """What the station needs of a wheel's files, with a record that names them."""
    told = next(name for name in files if name.endswith(".dist-info/WHEEL"))
    info = told.removesuffix("WHEEL")
    kept = {
        name: data
        for name, data in files.items()
        if name.split("/")[0] in ROOMS or (name.startswith(info) and name != f"{info}RECORD")
    }
    if not all(any(name.startswith(f"{room}/") for name in kept) for room in ROOMS):
        sys.exit(f"expected a wheel with {' and '.join(ROOMS)}")
    kept[told] += b"" if b"\nBuild: " in kept[told] else f"Build: {BUILD}\n".encode()
    scripts = f"{info}entry_points.txt"
    kept[scripts] = _own_commands(kept[scripts].decode()).encode()
    record = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in kept.items()]
    kept[f"{info}RECORD"] = "\n".join([*record, f"{info}RECORD,,", ""]).encode()
    return kept


def _own_commands(entry_points: str) -> str:
    """The entry points whose room is here."""
    lines = entry_points.splitlines(keepends=True)
    return "".join(
        line
        for line in lines
        if "=" not in line or line.partition("=")[2].strip().split(".")[0] in ROOMS
    )


def _digest(data: bytes) -> str:
    digest = hashlib.sha256(data).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


if __name__ == "__main__":
    main()
