"""Copies the shared looks into the rooms that serve pages, and renews their lock.

Run as ``python -m tools.copy_assets``. A room takes what it asks for in ``ROOMS``;
a test holds every copy equal to its source and every vendored file to the lock.
Whoever bumps a vendored version changes ``PACKAGES`` and runs this once.
"""

from __future__ import annotations

import base64
import hashlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
ASSETS = REPOSITORY / "assets"
LOCK = ASSETS / "lock.toml"


@dataclass(frozen=True, slots=True)
class Package:
    """A vendored package: its folder under ``assets/vendor``, name, version, licence."""

    folder: str
    name: str
    version: str
    licence: str


PACKAGES = (
    Package("droid-sans-fallback-6.0.1r16", "fonts-droid-fallback", "6.0.1r16", "Apache-2.0"),
    Package("droid-sans-fallback-6.0.1r16-print", "fonts-droid-fallback", "6.0.1r16", "Apache-2.0"),
    Package("htm-3.1.1", "htm", "3.1.1", "Apache-2.0"),
    Package("htmx-4.0.1", "htmx.org", "4.0.1", "0BSD"),
    Package("idb-8.0.4", "idb", "8.0.4", "ISC"),
    Package("leaflet-1.9.4", "leaflet", "1.9.4", "BSD-2-Clause"),
    Package("noto-sans-devanagari-5.3.0", "@fontsource/noto-sans-devanagari", "5.3.0", "OFL-1.1"),
    Package(
        "noto-sans-devanagari-5.3.0-print", "@fontsource/noto-sans-devanagari", "5.3.0", "OFL-1.1"
    ),
    Package("noto-sans-mongolian-5.3.0", "@fontsource/noto-sans-mongolian", "5.3.0", "OFL-1.1"),
    Package("pmtiles-4.5.0", "pmtiles", "4.5.0", "BSD-3-Clause"),
    Package("preact-11.2.0", "preact", "11.2.0", "MIT"),
    Package("qr-scanner-1.4.2", "qr-scanner", "1.4.2", "MIT"),
    Package("qrcode-generator-2.0.4", "qrcode-generator", "2.0.4", "MIT"),
)
FONTS = (
    "fonts.css",
    "vendor/droid-sans-fallback-6.0.1r16",
    "vendor/noto-sans-devanagari-5.3.0",
    "vendor/noto-sans-mongolian-5.3.0",
)
# The folder of a room that receives copies, and what it takes from assets/.
ROOMS = {
    "server/console/static/shared": (
        "tokens.css",
        "theme.js",
        "icons",
        "vendor/htmx-4.0.1",
        "vendor/leaflet-1.9.4",
        "vendor/noto-sans-devanagari-5.3.0",
        "vendor/pmtiles-4.5.0",
        "vendor/qrcode-generator-2.0.4",
    ),
    # What the centre prints with; a browser is not given these.
    "server/console/print": (
        "vendor/droid-sans-fallback-6.0.1r16-print",
        "vendor/noto-sans-devanagari-5.3.0-print",
    ),
    "edge_node/faces/tablet/static/shared": (
        "tokens.css",
        "theme.js",
        "icons",
        "vendor/htm-3.1.1",
        "vendor/idb-8.0.4",
        "vendor/preact-11.2.0",
        "vendor/qr-scanner-1.4.2",
        "vendor/qrcode-generator-2.0.4",
    ),
    "edge_node/faces/kiosk/static/shared": (
        "tokens.css",
        "theme.js",
        "icons",
        "vendor/qr-scanner-1.4.2",
        "vendor/qrcode-generator-2.0.4",
        *FONTS,
    ),
}


def sources(parts: tuple[str, ...]) -> Iterator[Path]:
    """The files under ``assets/`` that a room takes, in order."""
    for part in parts:
        path = ASSETS / part
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (each for each in found if each.is_file())


def lock_text() -> str:
    """The lock of all vendored files, as TOML."""
    blocks = ["# Written by `python -m tools.copy_assets`; held against the files by a test.\n"]
    for package in PACKAGES:
        for path in sources((f"vendor/{package.folder}",)):
            content = path.read_bytes()
            digest = base64.b64encode(hashlib.sha384(content).digest()).decode()
            blocks.append(
                f'[[file]]\nname = "{package.name}"\nversion = "{package.version}"\n'
                f'file = "{path.relative_to(ASSETS).as_posix()}"\nbytes = {len(content)}\n'
                f'sha384 = "sha384-{digest}"\nlicence = "{package.licence}"\n'
            )
    return "\n".join(blocks)


def copy(room: str, parts: tuple[str, ...]) -> int:
    """Copy into one room and say how many files it now holds."""
    target = REPOSITORY / room
    shutil.rmtree(target, ignore_errors=True)
    count = 0
    for path in sources(parts):
        place = target / path.relative_to(ASSETS)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
        count += 1
    return count


def main() -> None:
    """Renew the lock and every room's copies; a room that does not exist yet is left out."""
    LOCK.write_text(lock_text(), encoding="utf-8")
    for room, parts in ROOMS.items():
        if (REPOSITORY / room).parent.is_dir():
            sys.stdout.write(f"{room}: {copy(room, parts)} files\n")


if __name__ == "__main__":
    main()
