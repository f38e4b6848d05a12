"""Frauds planted among a village's declarations, and the ground as it then truly is.

Opt-in, from a stream of its own: weather, crops and scenes of an honest season keep
their bytes. Nobody tells the satellite's rules what is planted; the list is for
checkers alone. Honest declarations carry the errors of those who walked or drew them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum
from pathlib import Path

import numpy as np
from shapely.affinity import scale, translate
from shapely.geometry import Polygon, box

from firmware_sim.district.imagery import ground_on, landscape_of, sky_share
from firmware_sim.district.places import LATITUDE_DEG, District, Ring
from firmware_sim.district.season import Floats, SeasonTruth
from firmware_sim.district.village import other_parcels
from firmware_sim.scenes.edges import blur_on, with_headlands
from firmware_sim.scenes.optics import Ground
from firmware_sim.scenes.picture import Look, take_picture, write_picture

_STREAM = 31  # no other module draws from [seed, 31, …]
EACH_MAX = 9
_SOURCE_SHARES = {"walked": 0.6, "drawn": 0.3, "device": 0.1}
_SOURCE_ERROR_M = {"walked": 2.2, "drawn": 1.2, "device": 0.5}
_EXAGGERATED = (0.10, 0.60)
_CUT_AFTER_SOWING = (42, 82)  # days; maize stands green then
_CLAIM_AFTER_SOWING = (45, 90)
_HONEST_CLAIMS = 0.7  # of the struck plots


class FraudKind(Enum):
    """What is planted; the value is the flag that should find it."""

    EXAGGERATED = "boundary_exaggerated"
    PHANTOM = "phantom_plot"
    WRONG_CROP = "wrong_crop"
    DOUBLE_PLEDGE = "pledge_overlap"
    STAGED_LOSS = "staged_loss"


@dataclass(frozen=True, slots=True)
class Fraud:
    """One declaration that is not true; ``share`` is its size where it has one [0–1]."""

    plot_id: str
    kind: FraudKind
    how: str
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Declared:
    """What a farmer says of a plot; ``is_pledged`` to another lender already."""

    plot_id: str
    ring: Ring
    sown_on: date
    source: str
    is_pledged: bool = False
    loss_on: date | None = None


@dataclass(frozen=True, slots=True)
class Surface:
    """What truly grows on a surface, day by day (days,) [m²/m²]; and whether it is water."""

    green_lai: Floats
    dry_lai: Floats
    is_water: bool = False


@dataclass(frozen=True, slots=True)
class Planted:
    """Declarations, the frauds among them, and surfaces that differ from the honest season's."""

    declared: tuple[Declared, ...]
    frauds: tuple[Fraud, ...]
    surfaces: Mapping[int, Surface]


def plant_frauds(
    district: District,
    truth: SeasonTruth,
    sown_on: Sequence[date],
    each: int,
    struck: Mapping[int, date] | None = None,
) -> Planted:
    """Plant ``each`` of every kind; the same arguments give the same frauds.

    Parameters
    ----------
    sown_on
        The sowing dates that farmers declare (plots,).
    each
        Frauds of each kind, at most ``EACH_MAX``.
    struck
        Plots (rows) that a true hazard struck, and when: some of them claim a loss.
    """
    planting = _Planting(district, truth, list(sown_on), dict(struck or {}))
    planting.honest()
    planting.exaggerate(each)
    planting.other_crops(each)
    planting.stage_losses(each)
    planting.phantoms(each)
    planting.pledge_twice(each)
    return Planted(
        tuple(planting.declared.values()), tuple(planting.frauds), dict(planting.surfaces)
    )


class _Planting:
    """Draws one kind after another, each from its own stream, on plots not yet taken."""

    def __init__(
        self, district: District, truth: SeasonTruth, sown_on: list[date], struck: dict[int, date]
    ) -> None:
        self.district, self.truth = district, truth
        self.sown_on, self.struck = sown_on, struck
        self.declared: dict[str, Declared] = {}
        self.frauds: list[Fraud] = []
        self.surfaces: dict[int, Surface] = {}
        free = _rng(district, 0).permutation(len(district.plots)).tolist()
        self.free: list[int] = [i for i in free if i not in struck]

    def honest(self) -> None:
        """Everybody declares; half of the plots are pledged elsewhere, some losses claimed."""
        rng = _rng(self.district, 1)
        for i, plot in enumerate(self.district.plots):
            source = str(rng.choice(list(_SOURCE_SHARES), p=list(_SOURCE_SHARES.values())))
            loss_on = None
            draw, late = rng.random(2), int(rng.integers(0, 7))
            if i in self.struck and draw[0] < _HONEST_CLAIMS:
                loss_on = self.struck[i] + timedelta(days=late)
            ring = _taken(Polygon(plot.ring), source, rng)
            self.declared[plot.plot_id] = Declared(
                plot.plot_id, ring, self.sown_on[i], source, bool(draw[1] < 0.5), loss_on
            )

    def exaggerate(self, each: int) -> None:
        """Boundaries drawn too wide: all around, or over one neighbour."""
        rng = _rng(self.district, 2)
        for k in range(each):
            plot = self.district.plots[self.free.pop()]
            said, truly = self.declared[plot.plot_id], Polygon(plot.ring)
            share = float(rng.uniform(*_EXAGGERATED))
            wide = _stretched(truly, share, rng) if k % 2 else _scaled(truly, share)
            gained = wide.area / truly.area - 1
            ring = _taken(wide, said.source, rng)
            self.declared[plot.plot_id] = replace(said, ring=ring, is_pledged=False)
            how = "one side" if k % 2 else "all around"
            self.frauds.append(Fraud(plot.plot_id, FraudKind.EXAGGERATED, how, float(gained)))

    def other_crops(self, each: int) -> None:
        """Maize is declared; beans, pigeon pea or nothing but grass grows."""
        rng = _rng(self.district, 3)
        for k in range(each):
            row = self.free.pop()
            how = ("beans", "pigeon pea", "grass")[k % 3]
            self.surfaces[row] = self._crop(how, row, float(np.exp(0.2 * rng.normal())))
            plot_id = self.district.plots[row].plot_id
            self.frauds.append(Fraud(plot_id, FraudKind.WRONG_CROP, how))

    def stage_losses(self, each: int) -> None:
        """A green crop is cut and called lost; or a loss is claimed where there was none."""
        rng = _rng(self.district, 4)
        for k in range(each):
            row = self.free.pop()
            plot_id = self.district.plots[row].plot_id
            window = _CLAIM_AFTER_SOWING if k % 2 else _CUT_AFTER_SOWING
            day = self._day(self.sown_on[row]) + int(rng.integers(*window))
            if not k % 2:
                self.surfaces[row] = _cut(self._own(row), day)
            loss_on = self.truth.spec.first_day + timedelta(days=day + int(rng.integers(0, 5)))
            self.declared[plot_id] = replace(self.declared[plot_id], loss_on=loss_on)
            how = "claimed, nothing lost" if k % 2 else "cut early"
            self.frauds.append(Fraud(plot_id, FraudKind.STAGED_LOSS, how))

    def phantoms(self, each: int) -> None:
        """Plots that are not there: bare land, bush, trees, water."""
        rng = _rng(self.district, 5)
        others = other_parcels(self.district)
        first = len(self.district.plots) + len(self.district.pastures)
        for k, parcel in enumerate(rng.permutation(len(others))[:each].tolist()):
            how = ("bare", "bush", "trees", "water")[k % 4]
            self.surfaces[first + parcel] = self._wild(how)
            plot_id = f"plot-{200 + k}"
            source = str(rng.choice(("walked", "drawn")))
            sown_on = self.sown_on[int(rng.integers(len(self.sown_on)))]
            ring = _taken(Polygon(others[parcel]), source, rng)
            self.declared[plot_id] = Declared(plot_id, ring, sown_on, source)
            self.frauds.append(Fraud(plot_id, FraudKind.PHANTOM, how))

    def pledge_twice(self, each: int) -> None:
        """Plots that are pledged elsewhere come again under other ids."""
        rng = _rng(self.district, 6)
        pledged = [d for d in self.declared.values() if d.is_pledged]
        chosen = rng.permutation(len(pledged))[:each].tolist()
        for k, i in enumerate(chosen):
            how = ("other id", "shifted", "a part", "slices")[k % 4]
            for part, polygon in enumerate(_again(Polygon(pledged[i].ring), how, rng)):
                plot_id = f"plot-{300 + 10 * k + part}"
                exact = how in ("shifted", "slices")
                ring = _open(polygon) if exact else _taken(polygon, pledged[i].source, rng)
                self.declared[plot_id] = replace(
                    pledged[i], plot_id=plot_id, ring=ring, is_pledged=False, loss_on=None
                )
                self.frauds.append(Fraud(plot_id, FraudKind.DOUBLE_PLEDGE, how))

    def _day(self, day: date) -> int:
        return (day - self.truth.spec.first_day).days

    def _own(self, row: int) -> Surface:
        cover = self.truth.plots
        return Surface(cover.green_lai[row].copy(), cover.dry_lai[row].copy())

    def _crop(self, how: str, row: int, vigour: float) -> Surface:
        own = self._own(row)
        if how == "grass":
            grass = self.truth.pastures
            return Surface(1.1 * vigour * grass.green_lai[0], 1.1 * vigour * grass.dry_lai[0])
        age = np.arange(self.truth.spec.days) - self._day(self.sown_on[row])
        before = age < 0
        if how == "beans":
            green = 3.0 * vigour * np.exp(-(((age - 44) / 17.0) ** 2)) * (age < 82)
            dry = 0.9 * vigour / (1 + np.exp(-(age - 62) / 5.0)) * (age < 82) + 0.15 * (age >= 82)
        else:
            green = 2.7 * vigour / (1 + np.exp(-(age - 78) / 13.0))
            dry = np.full(len(age), 0.1)
        return Surface(np.where(before, own.green_lai, green), np.where(before, own.dry_lai, dry))

    def _wild(self, how: str) -> Surface:
        days = self.truth.spec.days
        if how == "bush":
            grass = self.truth.pastures
            return Surface(1.5 + 0.25 * grass.green_lai[0], np.full(days, 0.5))
        green, dry = {"bare": (0.06, 0.05), "trees": (3.4, 0.3), "water": (0.0, 0.0)}[how]
        return Surface(np.full(days, green), np.full(days, dry), how == "water")


def write_fraud_item(
    folder: Path, day: date, season: tuple[District, SeasonTruth], planted: Planted,
    rng: np.random.Generator, *, real_edges: bool = False,
) -> Path:  # fmt: skip
    """A scene of the season as it truly is with the frauds; ``catalog.json`` is left alone.

    ``real_edges`` blurs and misplaces it as a real satellite does (``scenes.edges``).
    """
    district, truth = season
    index = truth.day_index(day)
    landscape = landscape_of(district)
    landscape = with_headlands(landscape) if real_edges else landscape
    ground = fraud_ground(ground_on(district, truth, index), planted, index)
    look = Look(day, sky_share(truth, index, rng), LATITUDE_DEG,
                blur_on(district.seed, day) if real_edges else None)  # fmt: skip
    return write_picture(folder, landscape, take_picture(landscape, ground, look, rng), day)


def fraud_ground(ground: Ground, planted: Planted, index: int) -> Ground:
    """The honest ground with the planted surfaces in their places."""
    green, dry = ground.green_lai.copy(), ground.dry_lai.copy()
    water = np.zeros(len(green)) if ground.under_water is None else ground.under_water.copy()
    for row, surface in planted.surfaces.items():
        green[row], dry[row] = surface.green_lai[index], surface.dry_lai[index]
        water[row] = float(surface.is_water)
    return Ground(green, dry, ground.wetness, water if water.any() else None)


def _rng(district: District, kind: int) -> np.random.Generator:
    return np.random.default_rng([district.seed, _STREAM, kind])


def _cut(own: Surface, day: int) -> Surface:
    green, dry = own.green_lai, own.dry_lai
    green[day:], dry[day:] = np.minimum(green[day:], 0.08), np.minimum(dry[day:], 0.25)
    return Surface(green, dry)


def _taken(polygon: Polygon, source: str, rng: np.random.Generator) -> Ring:
    """A ring as it was taken: the receiver's drift moves it, each corner has its own error."""
    error_m = _SOURCE_ERROR_M[source]
    drift = 0.7 * error_m * rng.standard_normal(2)
    ring = np.asarray(polygon.exterior.coords)[:-1]
    taken = ring + drift + 0.7 * error_m * rng.standard_normal(ring.shape)
    crossing = not Polygon(taken).is_valid
    return _open(Polygon(ring + drift if crossing else taken))


def _open(polygon: Polygon) -> Ring:
    return tuple((round(x, 2), round(y, 2)) for x, y in list(polygon.exterior.coords)[:-1])


def _scaled(polygon: Polygon, share: float) -> Polygon:
    factor = float(np.sqrt(1 + share))
    return Polygon(scale(polygon, factor, factor).exterior)


def _stretched(polygon: Polygon, share: float, rng: np.random.Generator) -> Polygon:
    """Push one side outward until the area is larger by that share."""
    ring = np.asarray(polygon.exterior.coords)[:-1]
    sides = np.roll(ring, -1, axis=0) - ring
    length = np.hypot(sides[:, 0], sides[:, 1])
    i = int(rng.choice(np.flatnonzero(length >= np.median(length))))
    outward = np.array([sides[i, 1], -sides[i, 0]]) / length[i]
    outward = outward if polygon.exterior.is_ccw else -outward
    for push_m in np.arange(1.0, 400.0):
        moved = ring.copy()
        moved[[i, (i + 1) % len(ring)]] += push_m * outward
        wide = Polygon(moved)
        if wide.is_valid and wide.area >= (1 + share) * polygon.area:
            return wide
    return _scaled(polygon, share)


def _again(polygon: Polygon, how: str, rng: np.random.Generator) -> list[Polygon]:
    """The same land once more, in the way that is asked."""
    if how == "other id":
        return [polygon]
    if how == "shifted":
        angle, away_m = rng.uniform(0, 2 * np.pi), rng.uniform(5, 15)
        return [translate(polygon, away_m * np.cos(angle), away_m * np.sin(angle))]
    west, south, east, north = polygon.bounds
    if how == "a part":
        keep = rng.uniform(0.4, 0.7)
        return [_whole(polygon.intersection(box(west, south, west + keep * (east - west), north)))]
    edges = np.linspace(west, east, 4)
    return [
        _whole(polygon.intersection(box(edges[j], south, edges[j + 1], north))) for j in range(3)
    ]


def _whole(cut: object) -> Polygon:
    """The largest piece of a cut."""
    pieces = [piece for piece in getattr(cut, "geoms", [cut]) if isinstance(piece, Polygon)]
    return max(pieces, key=lambda piece: piece.area)
