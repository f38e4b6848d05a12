"""The folder that ``harvestline-sim district`` writes, and how it is read back.

Every file is written by a temporary file and a rename, so a reader never finds half
of one. Nothing in it carries the truth of the live season.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from core.canonical import canonical_bytes
from core.shape import encode
from core.wire.telemetry import require_name
from firmware_sim.config import OutputFolderError, SettingError, output_folder
from firmware_sim.district.imagery import finish_catalog, scene_days, scene_rng, write_item
from firmware_sim.district.perils import Peril
from firmware_sim.district.places import District
from firmware_sim.district.season import SeasonSpec, SeasonTruth
from firmware_sim.district.simulate import declared_sowing, live_season, rebuild
from firmware_sim.history.past import (
    LOANS_README,
    Past,
    harvests_csv,
    loans_csv,
    past_specs,
    simulate_past,
)
from firmware_sim.history.register import device_secrets, plots_geojson, registry_of

REGISTRY_FILE = "registry.json"
PLOTS_FILE = "plots.geojson"
SECRETS_FILE = "devices-secret.json"
LOANS_FILE = "loans.csv"
LOANS_README_FILE = "loans.README.txt"
ARCHIVE_FOLDER = "archive"
HARVESTS_FILE = "harvests.csv"
PAST_SEASONS_MAX = 40
_SECRETS_BYTES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class FolderPlan:
    """How much past is written.

    Parameters
    ----------
    farmers
        Number of farmers.
    past_seasons
        Seasons before the live one, 1 to 40.
    archive_every_days
        Days between two archived scenes, a multiple of 5 [d].
    station
        The base station that serves the village.
    """

    farmers: int = 42
    past_seasons: int = 8
    archive_every_days: int = 10
    station: str = "station-1"

    def __post_init__(self) -> None:
        require_name(self.station, "station")
        if not 1 <= self.past_seasons <= PAST_SEASONS_MAX:
            raise SettingError(
                f"expected 1 to {PAST_SEASONS_MAX} past seasons, got {self.past_seasons}"
            )
        if self.archive_every_days < 5 or self.archive_every_days % 5:
            raise SettingError(
                f"expected archive_every_days as a multiple of 5, got {self.archive_every_days}"
            )

    def archive_days(self) -> list[tuple[SeasonSpec, date]]:
        """Every archived scene's season and day, oldest first."""
        return [
            (spec, day)
            for spec in past_specs(self.past_seasons)
            for day in scene_days(spec.first_day, spec.last_day, self.archive_every_days)
        ]


def write_district(
    out: Path, district: District, plan: FolderPlan, advance: Callable[[], None]
) -> None:
    """Write everything that a lender, a station and a satellite room start from.

    Parameters
    ----------
    out
        The folder; made when missing.
    district, plan
        What to write.
    advance
        Called after each simulated season and each scene.

    Raises
    ------
    OutputFolderError
        If the folder cannot be written.
    """
    past = simulate_past(district, plan.past_seasons, advance)
    spec = live_season(drought=False)
    sown_on = declared_sowing(district, spec, district.seed)
    registry = registry_of(district, plan.station, spec.season_id, sown_on, past.dossiers)
    archive = out / ARCHIVE_FOLDER
    output_folder(archive)
    _write(out / REGISTRY_FILE, canonical_bytes(encode(registry)))
    _write(out / PLOTS_FILE, _json(plots_geojson(district, spec.season_id, sown_on)))
    _write(out / SECRETS_FILE, _json(device_secrets(district, plan.farmers)), mode=0o600)
    _write(out / LOANS_FILE, loans_csv(past.loans).encode())
    _write(out / LOANS_README_FILE, LOANS_README.encode())
    _write(archive / PLOTS_FILE, _json(plots_geojson(district)))
    _write(archive / HARVESTS_FILE, harvests_csv(district, past.truths).encode())
    _write_archive(archive, district, past, plan, advance)


def read_district(
    folder: Path, *, drought: bool, perils: Collection[Peril] = ()
) -> tuple[District, SeasonTruth]:
    """The district of a folder and its live season, simulated again from the seed.

    Raises
    ------
    OutputFolderError
        If the folder was not written by ``harvestline-sim district``.
    """
    path = folder / SECRETS_FILE
    try:
        if path.stat().st_size > _SECRETS_BYTES_MAX:
            raise OutputFolderError(f"expected at most {_SECRETS_BYTES_MAX} bytes in {path}")
        secrets = json.loads(path.read_text(encoding="utf-8"))
        seed, farmers = secrets["seed"], secrets["farmers_count"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputFolderError(
            f"expected a folder of `harvestline-sim district` with {path}: {error!r}"
        ) from error
    if not (isinstance(seed, int) and isinstance(farmers, int)):
        raise OutputFolderError(f"expected whole numbers for seed and farmers_count in {path}")
    return rebuild(seed, farmers, drought=drought, perils=perils)


def _write_archive(
    archive: Path, district: District, past: Past, plan: FolderPlan, advance: Callable[[], None]
) -> None:
    """Write the past seasons' scenes; scenes of an earlier run are taken away first."""
    try:
        for old in (*archive.glob("S2_*"), *archive.glob(".S2_*")):
            shutil.rmtree(old)
    except OSError as error:
        raise OutputFolderError(f"expected to clear {archive}: {error}") from error
    truths = {truth.spec: truth for truth in past.truths}
    for spec, day in plan.archive_days():
        write_item(archive, day, truths[spec], district, scene_rng(district.seed, day))
        advance()
    finish_catalog(archive)


def _write(path: Path, data: bytes, mode: int = 0o644) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=mode)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        raise OutputFolderError(f"expected to write {path}: {error}") from error


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
