"""The village itself: who lives there, who works which parcel, what stands where."""

from __future__ import annotations

import itertools

import numpy as np
from shapely.geometry import Polygon

from core.wire.telemetry import DeviceKind
from firmware_sim.config import SettingError
from firmware_sim.district import names
from firmware_sim.district.parcels import Parcels, lay_out_parcels
from firmware_sim.district.places import (
    DevicePlace,
    District,
    Herd,
    Machine,
    Pasture,
    Person,
    Plot,
    Ring,
    Soil,
    Store,
    StoreKind,
    Zone,
)
from firmware_sim.district.soils import CLAY_LOAM, LOAM, SILT_LOAM, SOIL_SHARES, SOILS

FARMERS_MIN = 8
FARMERS_MAX = 120
PLOTS_PER_FARMER = 1.6
EAST_SHARE = 0.35  # of the plots, in the zone that a drought may strike
SOIL_PROBES = 20
TAG_READERS = 8
HERDS_MIN = 10

_ZONES = (
    Zone("village-magharibi", "Magharibi (west)"),
    Zone("village-mashariki", "Mashariki (east)"),
)
_MACHINE_KW = (35.0, 41.0, 56.0, 29.0)
_STORES = (
    ("Pampu ya Mto", StoreKind.PUMP, 0, 2_200),
    ("Pampu ya Kisima", StoreKind.PUMP, 1, 1_500),
    ("Chumba cha baridi", StoreKind.COLD_STORE, 0, 3_000),
)


def build_district(seed: int, farmers: int = 42) -> District:
    """The village that follows from a seed.

    Parameters
    ----------
    seed
        From 0; the same seed gives the same village.
    farmers
        Number of farmers; there are 1.6 times as many plots.

    Raises
    ------
    SettingError
        If the seed is negative or the number of farmers out of range.
    """
    if seed < 0 or not FARMERS_MIN <= farmers <= FARMERS_MAX:
        raise SettingError(
            f"expected a seed from 0 and {FARMERS_MIN} to {FARMERS_MAX} farmers, "
            f"got seed {seed} and {farmers} farmers"
        )
    land = lay_out_parcels(_land_rng(seed))
    rng = np.random.default_rng([seed, 1])
    people = _people(farmers, rng)
    plots = _plots(land, people, rng)
    pastures = _pastures(land, people, plots, rng)
    herds = _herds(people, pastures, rng)
    machines = _machines(people, rng)
    stores = _stores(people, rng)
    devices = _devices(plots, pastures, herds, machines, stores)
    return District(
        seed=seed,
        site="kijani",
        name="Kijani",
        zones=_ZONES,
        people=people,
        plots=plots,
        pastures=pastures,
        herds=herds,
        machines=machines,
        stores=stores,
        devices=devices,
    )


def other_parcels(district: District) -> tuple[Ring, ...]:
    """Rings of the village's parcels on which nothing is lent [m, EPSG:32737]."""
    lent = {plot.ring for plot in district.plots}
    every = lay_out_parcels(_land_rng(district.seed)).parcels
    return tuple(ring for ring in every if ring not in lent)


def _land_rng(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 0])


def draw_people(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Skill and discipline (count,) of farmers, standard normal and a little alike."""
    skill = rng.standard_normal(count)
    discipline = 0.3 * skill + np.sqrt(1 - 0.09) * rng.standard_normal(count)
    return skill, discipline


def _people(count: int, rng: np.random.Generator) -> tuple[Person, ...]:
    skill, discipline = draw_people(count, rng)
    pairs = [f"{given} {family}" for given, family in itertools.product(names.GIVEN, names.FAMILY)]
    chosen = rng.choice(len(pairs), size=count, replace=False)
    languages = rng.choice(["sw", "en"], size=count, p=[0.7, 0.3])
    households = rng.poisson(4.2, count) + 1
    years = np.minimum(rng.geometric(0.16, count) - 1, 15)
    return tuple(
        Person(
            farmer_id=f"farmer-{i + 1:03d}",
            name=pairs[chosen[i]],
            language=str(languages[i]),
            household_size=int(households[i]),
            years_member=int(years[i]),
            skill=float(skill[i]),
            discipline=float(discipline[i]),
        )
        for i in range(count)
    )


def _plots(land: Parcels, people: tuple[Person, ...], rng: np.random.Generator) -> tuple[Plot, ...]:
    """Lent-against plots among all parcels: everybody has one, some have several nearby."""
    count = round(PLOTS_PER_FARMER * len(people))
    rings = [land.parcels[i] for i in np.sort(rng.choice(len(land.parcels), count, replace=False))]
    centres = np.array([Polygon(ring).centroid.coords[0] for ring in rings])
    border_m = np.quantile(centres[:, 0], 1 - EAST_SHARE)
    owners = _owners(centres, len(people), rng)
    places = rng.choice(names.PLACES, size=count)
    soils = _soils(centres, rng)
    return tuple(
        Plot(
            plot_id=f"plot-{i + 1:03d}",
            farmer_id=people[owners[i]].farmer_id,
            name=str(places[i]),
            zone=int(centres[i, 0] > border_m),
            soil=soils[i],
            ring=ring,
            area_m2=round(Polygon(ring).area),
        )
        for i, ring in enumerate(rings)
    )


def _owners(centres: np.ndarray, farmers: int, rng: np.random.Generator) -> list[int]:
    """The farmer of each plot: a first plot each by chance, further ones near the first."""
    homes = rng.permutation(len(centres))[:farmers]
    owner = {int(plot): farmer for farmer, plot in enumerate(homes)}
    for plot in range(len(centres)):
        if plot not in owner:
            away_m = np.linalg.norm(centres[homes] - centres[plot], axis=1)
            owner[plot] = int(rng.choice(np.argsort(away_m)[:6]))
    return [owner[plot] for plot in range(len(centres))]


def _soils(centres: np.ndarray, rng: np.random.Generator) -> list[Soil]:
    """Soils change slowly over the land: clay in the low places, sand on the high."""
    phase = rng.uniform(0, 2 * np.pi, 2)
    height = np.sin(centres[:, 0] / 420 + phase[0]) + np.cos(centres[:, 1] / 510 + phase[1])
    order = np.argsort(np.argsort(height + 0.5 * rng.standard_normal(len(centres))))
    limits = np.cumsum(SOIL_SHARES)[::-1] * len(centres)
    return [SOILS[::-1][int(np.sum(rank >= len(centres) - limits)) - 1] for rank in order]


def _pastures(
    land: Parcels, people: tuple[Person, ...], plots: tuple[Plot, ...], rng: np.random.Generator
) -> tuple[Pasture, ...]:
    east_m = min(Polygon(p.ring).centroid.x for p in plots if p.zone == 1)
    keepers = rng.choice(len(people), size=len(land.pastures), replace=False)
    soils = (LOAM, SILT_LOAM, CLAY_LOAM)
    return tuple(
        Pasture(
            pasture_id=f"pasture-{i + 1:02d}",
            farmer_id=people[keepers[i]].farmer_id,
            name=names.PASTURES[i],
            zone=int(Polygon(ring).centroid.x > east_m),
            soil=soils[int(rng.integers(len(soils)))],
            ring=ring,
            area_m2=round(Polygon(ring).area),
        )
        for i, ring in enumerate(land.pastures)
    )


def _herds(
    people: tuple[Person, ...], pastures: tuple[Pasture, ...], rng: np.random.Generator
) -> tuple[Herd, ...]:
    """Herds of 6 to 30 heads, spread evenly over the pastures."""
    count = min(len(people), max(HERDS_MIN, round(0.3 * len(people))))
    owners = rng.choice(len(people), size=count, replace=False)
    heads = np.clip(np.round(rng.lognormal(2.5, 0.45, count)), 6, 30).astype(int)
    return tuple(
        Herd(
            herd_id=f"herd-{i + 1:02d}",
            farmer_id=people[owner].farmer_id,
            name=f"Mifugo ya {people[owner].name.split()[0]}",
            pasture_id=pastures[i % len(pastures)].pasture_id,
            heads=int(heads[i]),
        )
        for i, owner in enumerate(owners)
    )


def _machines(people: tuple[Person, ...], rng: np.random.Generator) -> tuple[Machine, ...]:
    owners = rng.choice(len(people), size=len(_MACHINE_KW), replace=False)
    return tuple(
        Machine(f"tractor-{i + 1}", people[owner].farmer_id, f"Trekta {i + 1}", _MACHINE_KW[i])
        for i, owner in enumerate(owners)
    )


def _stores(people: tuple[Person, ...], rng: np.random.Generator) -> tuple[Store, ...]:
    owners = rng.choice(len(people), size=len(_STORES), replace=False)
    return tuple(
        Store(f"store-{i + 1}", people[owners[i]].farmer_id, *row) for i, row in enumerate(_STORES)
    )


def _devices(
    plots: tuple[Plot, ...],
    pastures: tuple[Pasture, ...],
    herds: tuple[Herd, ...],
    machines: tuple[Machine, ...],
    stores: tuple[Store, ...],
) -> tuple[DevicePlace, ...]:
    zone_of = {pasture.pasture_id: pasture.zone for pasture in pastures}
    spread = np.unique(np.linspace(0, len(plots) - 1, SOIL_PROBES).astype(int))
    probed = sorted((plots[i] for i in spread), key=lambda plot: plot.plot_id)
    probes = [(DeviceKind.SOIL_PROBE, plot.plot_id, plot.zone) for plot in probed]
    stations = [(DeviceKind.WEATHER_STATION, z.subject_id, i) for i, z in enumerate(_ZONES)]
    readers = [
        (DeviceKind.EAR_TAG_READER, herd.herd_id, zone_of[herd.pasture_id])
        for herd in herds[:TAG_READERS]
    ]
    engines = [(DeviceKind.MACHINE, machine.machine_id, 0) for machine in machines]
    meters = [(DeviceKind.ELECTRICITY_METER, store.store_id, store.zone) for store in stores]
    return tuple(
        DevicePlace(f"{_PREFIX[kind]}-{number:02d}", kind, subject_id, zone)
        for group in (probes, stations, readers, engines, meters)
        for number, (kind, subject_id, zone) in enumerate(group, start=1)
    )


_PREFIX = {
    DeviceKind.SOIL_PROBE: "soil",
    DeviceKind.WEATHER_STATION: "weather",
    DeviceKind.EAR_TAG_READER: "reader",
    DeviceKind.MACHINE: "engine",
    DeviceKind.ELECTRICITY_METER: "meter",
}


def ring_of(district: District, subject_id: str) -> Ring:
    """The ring of a plot or pasture [m, EPSG:32737]."""
    rings = {p.plot_id: p.ring for p in district.plots}
    rings.update((p.pasture_id, p.ring) for p in district.pastures)
    return rings[subject_id]
