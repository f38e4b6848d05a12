"""What has been seen, remembered: one SQLite file in the output folder.

A scene is one transaction, so a run that is killed goes on where it stopped. A
look is kept for every plot and scene, also where nothing was seen, together with
the hash of the polygon that was used: a plot that is new or redrawn is looked at
again on old scenes, and nothing else is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from satellite.config import OutputError
from satellite.scenes.identity import AssetNote
from satellite.statistics.plots import Plot, Problem
from satellite.statistics.sample import Look
from satellite.statistics.weighted import Spread

BUSY_TIMEOUT_S = 10.0
# Step n brings a file of version n to version n + 1. A step that was released is never
# edited: files that it wrote are out there.
MIGRATIONS = (
    """
CREATE TABLE scene (
  item_id TEXT NOT NULL, index_name TEXT NOT NULL, fingerprint TEXT NOT NULL,
  sha256 TEXT NOT NULL, day TEXT NOT NULL, acquired TEXT NOT NULL, baseline TEXT NOT NULL,
  code TEXT NOT NULL, detail TEXT NOT NULL,
  PRIMARY KEY (item_id, index_name)) STRICT;
CREATE TABLE look (
  plot_id TEXT NOT NULL, item_id TEXT NOT NULL, index_name TEXT NOT NULL,
  ring_sha256 TEXT NOT NULL, mean REAL, valid_fraction REAL NOT NULL,
  pixels REAL NOT NULL, full_pixels INTEGER NOT NULL, covered INTEGER NOT NULL,
  PRIMARY KEY (plot_id, item_id, index_name)) STRICT;
CREATE TABLE document (
  plot_id TEXT NOT NULL, evidence_id TEXT NOT NULL, key_id TEXT NOT NULL, as_of TEXT NOT NULL,
  bytes BLOB NOT NULL, status TEXT NOT NULL, detail TEXT NOT NULL,
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  UNIQUE (evidence_id)) STRICT;
CREATE INDEX document_by_plot ON document (plot_id, sequence);
CREATE INDEX document_by_status ON document (status, sequence);
""",
    """
ALTER TABLE look ADD COLUMN std REAL;
ALTER TABLE look ADD COLUMN median REAL;
ALTER TABLE look ADD COLUMN p10 REAL;
ALTER TABLE look ADD COLUMN p90 REAL;
""",
    """
ALTER TABLE look ADD COLUMN share REAL NOT NULL DEFAULT 1.0;
ALTER TABLE scene ADD COLUMN tile TEXT NOT NULL DEFAULT '';
ALTER TABLE scene ADD COLUMN platform TEXT NOT NULL DEFAULT '';
ALTER TABLE scene ADD COLUMN processed TEXT NOT NULL DEFAULT '';
""",
    """
CREATE TABLE asset (
  scene_sha256 TEXT NOT NULL, name TEXT NOT NULL, item_id TEXT NOT NULL, place TEXT NOT NULL,
  statement TEXT NOT NULL,
  PRIMARY KEY (scene_sha256, name)) STRICT;
""",
)
SCHEMA_VERSION = len(MIGRATIONS)
NOTHING_SEEN = (None,) * len(Spread._fields)


@dataclass(frozen=True, slots=True)
class SceneRow:
    """A scene as it was read; ``code`` is empty unless it was broken.

    ``fingerprint`` is a cheap mark of the files (size and time), ``sha256`` covers
    the content of the assets that were read. ``tile``, ``platform`` and ``processed``
    are the item's, empty where not known. ``assets`` are given when it is saved, and
    asked for by hash afterwards.
    """

    item_id: str
    fingerprint: str
    sha256: str
    day: date
    acquired: str
    baseline: str
    code: str = ""
    detail: str = ""
    tile: str = ""
    platform: str = ""
    processed: str = ""
    assets: tuple[AssetNote, ...] = ()


@dataclass(frozen=True, slots=True)
class LookRow:
    """One look with its scene; ``spread`` is absent where nothing was seen.

    ``share`` of the plot lies on the scene's grid [0–1].
    """

    plot_id: str
    scene: SceneRow
    mean: float | None
    valid_fraction: float
    pixels: float
    full_pixels: int
    spread: Spread | None = None
    share: float = 1.0


class Store:
    """The looks, scenes and documents of one output folder."""

    def __init__(self, path: Path | Literal[":memory:"]) -> None:
        try:
            self.connection = sqlite3.connect(
                str(path), timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
            self._migrate(path)
        except sqlite3.Error as error:
            raise OutputError(f"expected a state file at {path}, got: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def scenes(self, index_name: str) -> dict[str, SceneRow]:
        """Every scene that was read for an index, by item id."""
        rows = self.connection.execute(
            "SELECT item_id, fingerprint, sha256, day, acquired, baseline, code, detail,"
            " tile, platform, processed FROM scene WHERE index_name = ?",
            (index_name,),
        )
        return {row[0]: _scene(row) for row in rows}

    def assets(self, scene_sha256: str) -> list[AssetNote]:
        """What a scene's hash was made of, also of one that was processed again since."""
        rows = self.connection.execute(
            "SELECT name, place, statement FROM asset WHERE scene_sha256 = ? ORDER BY name",
            (scene_sha256,),
        )
        return [AssetNote(*row) for row in rows]

    def plots_seen(self, item_id: str, index_name: str) -> set[tuple[str, str]]:
        """The plots (id, polygon hash) that were looked at on a scene.

        A look from before the spread was kept does not count: it is taken again.
        """
        rows = self.connection.execute(
            "SELECT plot_id, ring_sha256 FROM look WHERE item_id = ? AND index_name = ?"
            " AND (mean IS NULL OR std IS NOT NULL)",
            (item_id, index_name),
        )
        return {(plot_id, ring) for plot_id, ring in rows}

    def save(
        self, index_name: str, scene: SceneRow, looks: Iterable[Look], plots: Sequence[Plot]
    ) -> None:
        """Remember a scene and its looks, all or nothing; a repeat replaces."""
        rings = {plot.plot_id: plot.ring_sha256 for plot in plots}
        with self.connection:
            self.connection.execute("BEGIN IMMEDIATE")
            self.connection.execute(
                "INSERT OR REPLACE INTO scene VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    scene.item_id,
                    index_name,
                    scene.fingerprint,
                    scene.sha256,
                    scene.day.isoformat(),
                    scene.acquired,
                    scene.baseline,
                    scene.code,
                    scene.detail,
                    scene.tile,
                    scene.platform,
                    scene.processed,
                ),
            )
            # Never replaced: evidence cites a scene by hash, also after it was processed again.
            self.connection.executemany(
                "INSERT OR IGNORE INTO asset VALUES (?, ?, ?, ?, ?)",
                [(scene.sha256, n.name, scene.item_id, n.place, n.statement) for n in scene.assets],
            )
            self.connection.executemany(
                "INSERT OR REPLACE INTO look VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        look.plot_id,
                        scene.item_id,
                        index_name,
                        rings[look.plot_id],
                        look.mean,
                        look.valid_fraction,
                        look.pixels,
                        look.full_pixels,
                        int(look.covered),
                        *(look.spread or NOTHING_SEEN),
                        look.share,
                    )
                    for look in looks
                ],
            )

    def looks(self, index_name: str, until: date | None) -> list[LookRow]:
        """All looks at plots that their scene covers, oldest first."""
        rows = self.connection.execute(
            "SELECT s.item_id, s.fingerprint, s.sha256, s.day, s.acquired, s.baseline, s.code,"
            " s.detail, s.tile, s.platform, s.processed, l.plot_id, l.mean, l.valid_fraction,"
            " l.pixels, l.full_pixels, l.std, l.median, l.p10, l.p90, l.share"
            " FROM look l JOIN scene s USING (item_id, index_name)"
            " WHERE index_name = ? AND l.covered = 1 AND s.code = '' AND s.day <= ?"
            " ORDER BY s.day, s.item_id, l.plot_id",
            (index_name, (until or date.max).isoformat()),
        )
        scenes: dict[str, SceneRow] = {}
        found = []
        for row in rows:
            scene = scenes.get(row[0]) or scenes.setdefault(row[0], _scene(row))
            plot_id, mean, valid, pixels, full_pixels, *spread, share = row[11:]
            seen = None if spread[0] is None else Spread(*spread)
            found.append(LookRow(plot_id, scene, mean, valid, pixels, full_pixels, seen, share))
        return found

    def broken(self, index_name: str) -> list[Problem]:
        """The scenes that could not be read, and why."""
        return [
            Problem(scene.item_id, scene.code, scene.detail)
            for scene in self.scenes(index_name).values()
            if scene.code
        ]

    def _migrate(self, path: Path | str) -> None:
        if self._version() == SCHEMA_VERSION:
            return
        self.connection.execute("PRAGMA journal_mode = WAL")
        with self.connection:
            # Read again under the lock: of two that open an old file at once, one migrates
            # and the other finds it done.
            self.connection.execute("BEGIN IMMEDIATE")
            version = self._version()
            if version > SCHEMA_VERSION:
                raise OutputError(
                    f"expected state version {SCHEMA_VERSION} or earlier in {path}, got "
                    f"{version}: use another output folder or the version that wrote it"
                )
            for step in MIGRATIONS[version:]:
                for statement in step.split(";"):
                    self.connection.execute(statement)
            self.connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _version(self) -> int:
        (version,) = self.connection.execute("PRAGMA user_version").fetchone()
        return int(version)


def _scene(row: Sequence[str]) -> SceneRow:
    return SceneRow(
        item_id=row[0],
        fingerprint=row[1],
        sha256=row[2],
        day=date.fromisoformat(row[3]),
        acquired=row[4],
        baseline=row[5],
        code=row[6],
        detail=row[7],
        tile=row[8],
        platform=row[9],
        processed=row[10],
    )
