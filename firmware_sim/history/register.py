"""The village as its lender registers it, and the secrets that its devices keep."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from core.canonical import sha256_hex
from core.wire.registry import Device, Dossier, Farmer, Registry, Subject, SubjectKind
from firmware_sim.district.places import District
from firmware_sim.history.polygons import collection, feature, ring_sha256
from firmware_sim.keys import DeviceSigner, device_key_seed, device_password

CROP = "maize"
GRASS = "grass"
CURRENCY = "KES"
UTC_OFFSET_MINUTES = 180


def registry_of(
    district: District,
    station: str,
    season_id: str,
    sown_on: tuple[date, ...],
    dossiers: tuple[Dossier, ...],
) -> Registry:
    """The register of the village for one season.

    Parameters
    ----------
    district
        The village.
    station
        The base station that serves it.
    season_id
        The season that the plots are declared for.
    sown_on
        The declared sowing date of each plot.
    dossiers
        What the centre knows of each farmer.
    """
    farmers = tuple(
        Farmer(p.farmer_id, p.name, p.language, station, p.household_size) for p in district.people
    )
    return Registry(
        site=district.site,
        name=district.name,
        utc_offset_minutes=UTC_OFFSET_MINUTES,
        currency=CURRENCY,
        farmers=farmers,
        subjects=(*_land(district, season_id, sown_on), *_others(district)),
        devices=registered_devices(district, station),
        dossiers=dossiers,
    )


def device_secrets(district: District, farmers: int) -> dict[str, Any]:
    """What the simulated devices keep to themselves, and the seed that made them."""
    return {
        "warning": "SIMULATED devices; their keys follow from the seed and protect nothing real",
        "seed": district.seed,
        "farmers_count": farmers,
        "site": district.site,
        "devices": [
            {
                "device_id": place.device_id,
                "kind": place.kind.value,
                "subject_id": place.subject_id,
                "key_seed": device_key_seed(district.seed, place.device_id).hex(),
                "password": device_password(district.seed, place.device_id),
            }
            for place in district.devices
        ],
    }


def plots_geojson(
    district: District, season_id: str = "", sown_on: tuple[date, ...] = ()
) -> dict[str, Any]:
    """Plots and pastures as the lender declares them; without a season, as they always are."""
    season: Mapping[str, Any] = {"season_id": season_id} if season_id else {}
    features = []
    for i, plot in enumerate(district.plots):
        sown = {"sown_on": sown_on[i].isoformat()} if sown_on else {}
        about = _about(plot.plot_id, plot.farmer_id, "crop", CROP, plot.area_m2)
        features.append(feature(plot.ring, {**about, **season, **sown}))
    for pasture in district.pastures:
        about = _about(pasture.pasture_id, pasture.farmer_id, "pasture", GRASS, pasture.area_m2)
        features.append(feature(pasture.ring, {**about, **season}))
    return collection(features)


def _about(
    plot_id: str, farmer_id: str, kind: str, crop: str, area_m2: int
) -> dict[str, str | float]:
    return {
        "plot_id": plot_id,
        "farmer_id": farmer_id,
        "kind": kind,
        "crop": crop,
        "area_ha": round(area_m2 / 10_000, 4),
    }


def _land(district: District, season_id: str, sown_on: tuple[date, ...]) -> list[Subject]:
    plots = [
        Subject(
            subject_id=plot.plot_id,
            kind=SubjectKind.PLOT,
            farmer_id=plot.farmer_id,
            name=plot.name,
            crop=CROP,
            season_id=season_id,
            sown_on=day.isoformat(),
            area_m2=plot.area_m2,
            polygon_sha256=ring_sha256(plot.ring),
        )
        for plot, day in zip(district.plots, sown_on, strict=True)
    ]
    pastures = [
        Subject(
            subject_id=pasture.pasture_id,
            kind=SubjectKind.PASTURE,
            farmer_id=pasture.farmer_id,
            name=pasture.name,
            crop=GRASS,
            season_id=season_id,
            area_m2=pasture.area_m2,
            polygon_sha256=ring_sha256(pasture.ring),
        )
        for pasture in district.pastures
    ]
    return plots + pastures


def _others(district: District) -> list[Subject]:
    """Herds, machines, stores, and the zones on which weather stations report."""
    herds = [
        Subject(
            subject_id=herd.herd_id,
            kind=SubjectKind.HERD,
            farmer_id=herd.farmer_id,
            name=herd.name,
            heads=herd.heads,
            pasture_id=herd.pasture_id,
        )
        for herd in district.herds
    ]
    things = [
        *((m.machine_id, SubjectKind.MACHINE, m.farmer_id, m.name) for m in district.machines),
        *((s.store_id, SubjectKind.STORE, s.farmer_id, s.name) for s in district.stores),
        *((z.subject_id, SubjectKind.VILLAGE, "", z.name) for z in district.zones),
    ]
    return herds + [Subject(*row) for row in things]


def registered_devices(district: District, station: str) -> tuple[Device, ...]:
    """Every device of the district, as its lender registers it at a station."""
    return tuple(
        Device(
            device_id=place.device_id,
            kind=place.kind,
            subject_id=place.subject_id,
            station=station,
            public_key=_public_key(district.seed, place.device_id),
            password_sha256=sha256_hex(device_password(district.seed, place.device_id).encode()),
        )
        for place in district.devices
    )


def _public_key(seed: int, device_id: str) -> str:
    return DeviceSigner(device_key_seed(seed, device_id)).public_key.hex()
