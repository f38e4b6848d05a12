"""Who and what is registered: sites, stations, satellites, farmers, subjects, devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from core.shape import decode, encode
from core.wire.registry import Device, Dossier, Farmer, Identity, Subject, outline_of
from core.wire.telemetry import DeviceKind
from server.keys import seal_key_id, sign_key_id
from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.rows import from_json, json_text, read_as
from server.store.tables import devices, dossiers, farmers, satellites, sites, stations, subjects

SHAPES_MAX = 5_000  # of a crop at one site: more are not looked through for the nearest


@dataclass(frozen=True, slots=True)
class Site:
    """A village: its zone and its currency."""

    site: str
    name: str
    utc_offset_minutes: int
    currency: str


@dataclass(frozen=True, slots=True)
class Station:
    """A base station that may send and be sent to.

    ``swept_on`` is the civil day on which its lines were last looked through for what
    time alone brings: waits that end, evidence that grows stale, leases to renew.
    """

    name: str
    public_key: str
    key_id: str
    seal_key: str
    seal_key_id: str
    enrolled_at_ms: int
    seen_at_ms: int | None
    clock_offset_ms: int | None
    swept_on: str


@dataclass(frozen=True, slots=True)
class Satellite:
    """A maker of evidence."""

    name: str
    public_key: str
    key_id: str


@dataclass(frozen=True, slots=True)
class PlacedSubject:
    """A subject with its polygon as GeoJSON text, if it has one."""

    subject: Subject
    geojson: str | None

    def drawn(self) -> Subject:
        """The subject with the outline that a station draws."""
        if self.geojson is None:
            return self.subject
        ring = from_json(self.geojson)["coordinates"][0]
        outline_e7 = outline_of([(float(lon), float(lat)) for lon, lat, *_ in ring])
        return replace(self.subject, outline_e7=outline_e7)


def put_site(tx: Tx, site: Site) -> None:
    """Add or renew a site."""
    tx.upsert(sites, **encode(site))


def site(tx: Tx, name: str) -> Site | None:
    """The site of that name, if there is one."""
    row = tx.find_row(sites, site=name)
    return read_as(Site, row) if row else None


def all_sites(tx: Tx) -> tuple[Site, ...]:
    """Every site, by name."""
    rows = tx.rows(select(sites).where(sites.c.tenant_id == tx.tenant_id).order_by(sites.c.site))
    return tuple(read_as(Site, row) for row in rows)


def put_station(tx: Tx, identity: Identity, at_ms: int) -> bool:
    """Enrol a station; False if it was enrolled with the same keys before.

    Raises
    ------
    ConflictError
        If the name is taken with other keys.
    """
    added = tx.insert_new(
        stations,
        name=identity.name,
        public_key=identity.public_key,
        key_id=sign_key_id(identity),
        seal_key=identity.seal_key,
        seal_key_id=seal_key_id(identity),
        enrolled_at_ms=at_ms,
        swept_on="",
    )
    if not added and station(tx, identity.name).public_key != identity.public_key:
        raise ConflictError(f"station {identity.name} is enrolled with another key")
    return added


def find_station(tx: Tx, name: str) -> Station | None:
    """The station of that name, if it is enrolled."""

    def ask() -> Station | None:
        row = tx.find_row(stations, name=name)
        return read_as(Station, row) if row else None

    return tx.recall(stations, name, ask)


def station_of_key(tx: Tx, key_id: str) -> Station | None:
    """The station that was enrolled with that key, if any."""
    row = tx.find_row(stations, key_id=key_id)
    return read_as(Station, row) if row else None


def station(tx: Tx, name: str) -> Station:
    """The station of that name.

    Raises
    ------
    NotKnownError
        If it is not enrolled.
    """
    found = find_station(tx, name)
    if found is None:
        raise NotKnownError(f"expected an enrolled station, got {name!r}")
    return found


def all_stations(tx: Tx) -> tuple[Station, ...]:
    """Every enrolled station, by name."""
    where = stations.c.tenant_id == tx.tenant_id
    rows = tx.rows(select(stations).where(where).order_by(stations.c.name))
    return tuple(read_as(Station, row) for row in rows)


def station_seen(tx: Tx, name: str, at_ms: int, clock_offset_ms: int | None) -> None:
    """Note when a station was last heard, and how far its clock was off."""
    seen: dict[str, int] = {"seen_at_ms": at_ms}
    if clock_offset_ms is not None:
        seen["clock_offset_ms"] = clock_offset_ms
    tx.change_row(stations, {"name": name}, seen)


def station_swept(tx: Tx, name: str, day: str) -> None:
    """Note the day on which a station's lines were looked through."""
    tx.change_row(stations, {"name": name}, {"swept_on": day})


def put_satellite(tx: Tx, identity: Identity, at_ms: int) -> bool:
    """Register a maker of evidence; False if it was registered with the same key before.

    Raises
    ------
    ConflictError
        If the name is taken with another key.
    """
    added = tx.insert_new(
        satellites,
        name=identity.name,
        public_key=identity.public_key,
        key_id=sign_key_id(identity),
        enrolled_at_ms=at_ms,
    )
    known = {one.name: one.public_key for one in all_satellites(tx)}
    if not added and known.get(identity.name) != identity.public_key:
        raise ConflictError(f"satellite {identity.name} is registered with another key")
    return added


def all_satellites(tx: Tx) -> tuple[Satellite, ...]:
    """Every registered maker of evidence."""
    where = satellites.c.tenant_id == tx.tenant_id
    rows = tx.rows(select(satellites).where(where).order_by(satellites.c.name))
    return tuple(read_as(Satellite, row) for row in rows)


def put_farmer(tx: Tx, site_name: str, farmer: Farmer) -> None:
    """Add or renew a farmer."""
    tx.upsert(farmers, site=site_name, **encode(farmer))


def find_farmer(tx: Tx, farmer_id: str) -> Farmer | None:
    """The farmer with that id, if registered."""

    def ask() -> Farmer | None:
        row = tx.find_row(farmers, farmer_id=farmer_id)
        return read_as(Farmer, row) if row else None

    return tx.recall(farmers, ("farmer", farmer_id), ask)


def farmer(tx: Tx, farmer_id: str) -> Farmer:
    """The farmer with that id.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    found = find_farmer(tx, farmer_id)
    if found is None:
        raise NotKnownError(f"expected a registered farmer, got {farmer_id!r}")
    return found


def all_farmers(tx: Tx) -> tuple[Farmer, ...]:
    """Every farmer, by id."""
    where = farmers.c.tenant_id == tx.tenant_id
    rows = tx.rows(select(farmers).where(where).order_by(farmers.c.farmer_id))
    return tuple(read_as(Farmer, row) for row in rows)


def farmer_site(tx: Tx, farmer_id: str) -> Site | None:
    """The site that a farmer belongs to."""

    def ask() -> str:
        return str(tx.find_value(farmers, "site", farmer_id=farmer_id) or "")

    name = tx.recall(farmers, ("site", farmer_id), ask)
    return tx.recall(sites, name, lambda: site(tx, name)) if name else None


def put_subject(tx: Tx, subject: Subject, geojson: str | None) -> None:
    """Add or renew a subject with its polygon."""
    # A subject without a walked area must not keep the lower bound of the one before it.
    tx.upsert(subjects, geojson=geojson, **{"area_low_m2": None, **encode(subject)})


def find_subject(tx: Tx, subject_id: str) -> Subject | None:
    """The subject with that id, if registered."""

    def ask() -> Subject | None:
        row = tx.find_row(subjects, subject_id=subject_id)
        return _subject(row) if row else None

    return tx.recall(subjects, ("subject", subject_id), ask)


def lock_subject(tx: Tx, subject_id: str) -> None:
    """Let one transaction at a time write papers of a subject; SQLite does so by itself."""
    tx.lock_row(subjects, subject_id=subject_id)


def placed_subject(tx: Tx, subject_id: str) -> PlacedSubject | None:
    """The subject with that id and its polygon, if registered."""
    where = (subjects.c.tenant_id == tx.tenant_id, subjects.c.subject_id == subject_id)
    row = tx.row(select(subjects).where(*where))
    return PlacedSubject(_subject(row), row["geojson"]) if row else None


def subject(tx: Tx, subject_id: str) -> Subject:
    """The subject with that id.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    found = find_subject(tx, subject_id)
    if found is None:
        raise NotKnownError(f"expected a registered subject, got {subject_id!r}")
    return found


def all_subjects(tx: Tx) -> tuple[PlacedSubject, ...]:
    """Every subject with its polygon, by id."""
    where = subjects.c.tenant_id == tx.tenant_id
    rows = tx.rows(select(subjects).where(where).order_by(subjects.c.subject_id))
    return tuple(PlacedSubject(_subject(row), row["geojson"]) for row in rows)


def shapes_beside(tx: Tx, subject: Subject) -> tuple[tuple[str, str], ...]:
    """Other plots of a plot's crop, season and site, each with its polygon, by id."""
    s, f = subjects.c, farmers.c
    joined = subjects.join(farmers, (f.tenant_id == s.tenant_id) & (f.farmer_id == s.farmer_id))
    site = select(f.site).where(f.tenant_id == tx.tenant_id, f.farmer_id == subject.farmer_id)
    where = (
        s.tenant_id == tx.tenant_id, s.crop == subject.crop, s.season_id == subject.season_id,
        s.kind == subject.kind.value, s.subject_id != subject.subject_id,
        s.geojson.is_not(None), f.site == site.scalar_subquery(),
    )  # fmt: skip
    question = select(s.subject_id, s.geojson).select_from(joined).where(*where)
    rows = tx.rows(question.order_by(s.subject_id), SHAPES_MAX)
    return tuple((row["subject_id"], row["geojson"]) for row in rows)


def subjects_of(tx: Tx, farmer_id: str) -> tuple[Subject, ...]:
    """A farmer's subjects, by id."""
    rows = tx.find_rows(subjects, "subject_id", farmer_id=farmer_id)
    return tuple(_subject(row) for row in rows)


def herds_on(tx: Tx, pasture_id: str) -> tuple[Subject, ...]:
    """The herds that graze on a pasture."""

    def ask() -> tuple[Subject, ...]:
        return tuple(_subject(row) for row in tx.find_rows(subjects, pasture_id=pasture_id))

    return tx.recall(subjects, ("herds", pasture_id), ask)


def learn_subjects(tx: Tx, subject_ids: Sequence[str]) -> None:
    """Remember subjects, who grazes on them, their farmers, and what is known of these."""
    of_tenant = subjects.c.tenant_id == tx.tenant_id
    grazing = subjects.c.pasture_id.in_(subject_ids)
    named = subjects.c.subject_id.in_(subject_ids)
    found = [_subject(row) for row in tx.rows(select(subjects).where(of_tenant, named | grazing))]
    known = {each.subject_id: each for each in found}
    for subject_id in subject_ids:
        tx.learn(subjects, ("subject", subject_id), known.get(subject_id))
        herds = tuple(each for each in found if each.pasture_id == subject_id)
        tx.learn(subjects, ("herds", subject_id), herds)
    learn_farmers(tx, sorted({each.farmer_id for each in found}))


def learn_farmers(tx: Tx, farmer_ids: Sequence[str]) -> None:
    """Remember farmers, their sites' names, and what is known of them."""
    for farmer_id in farmer_ids:
        tx.learn(farmers, ("farmer", farmer_id), None)
        tx.learn(farmers, ("site", farmer_id), "")
        tx.learn(dossiers, farmer_id, None)
    where = (farmers.c.tenant_id == tx.tenant_id, farmers.c.farmer_id.in_(farmer_ids))
    for row in tx.rows(select(farmers).where(*where)):
        tx.learn(farmers, ("farmer", row["farmer_id"]), read_as(Farmer, row))
        tx.learn(farmers, ("site", row["farmer_id"]), row["site"])
    known = (dossiers.c.tenant_id == tx.tenant_id, dossiers.c.farmer_id.in_(farmer_ids))
    for row in tx.rows(select(dossiers).where(*known)):
        tx.learn(dossiers, row["farmer_id"], _dossier(row))


def _subject(row: Mapping[str, Any]) -> Subject:
    return decode(Subject, {name: value for name, value in row.items() if value is not None})


def put_device(tx: Tx, device: Device) -> None:
    """Add or renew a device."""
    identity = Identity(device.device_id, device.public_key, device.public_key)
    tx.upsert(devices, key_id=sign_key_id(identity), **encode(device))


def find_device(tx: Tx, device_id: str) -> Device | None:
    """The device with that id, if registered."""
    where = (devices.c.tenant_id == tx.tenant_id, devices.c.device_id == device_id)
    row = tx.row(select(devices).where(*where))
    return decode(Device, dict(row)) if row else None


def find_devices(tx: Tx, device_ids: Sequence[str]) -> tuple[Device, ...]:
    """Those of some devices that are registered."""
    where = (devices.c.tenant_id == tx.tenant_id, devices.c.device_id.in_(device_ids))
    return tuple(decode(Device, dict(row)) for row in tx.rows(select(devices).where(*where)))


def measuring_stations(tx: Tx, subject_id: str) -> frozenset[str]:
    """The stations whose registered devices measure a subject."""

    def ask() -> frozenset[str]:
        where = (devices.c.tenant_id == tx.tenant_id, devices.c.subject_id == subject_id)
        rows = tx.rows(select(devices.c.station).where(*where).distinct())
        return frozenset(row["station"] for row in rows)

    return tx.recall(devices, subject_id, ask)


def devices_of(tx: Tx, subject_ids: Sequence[str]) -> tuple[Device, ...]:
    """The devices that measure any of some subjects, by id."""
    where = (devices.c.tenant_id == tx.tenant_id, devices.c.subject_id.in_(subject_ids))
    rows = tx.rows(select(devices).where(*where).order_by(devices.c.device_id))
    return tuple(decode(Device, dict(row)) for row in rows)


def devices_at(tx: Tx, station: str, kind: DeviceKind) -> tuple[Device, ...]:
    """The devices of a kind that a station accepts, by id."""
    where = (
        devices.c.tenant_id == tx.tenant_id, devices.c.station == station,
        devices.c.kind == kind.value,
    )  # fmt: skip
    rows = tx.rows(select(devices).where(*where).order_by(devices.c.device_id))
    return tuple(decode(Device, dict(row)) for row in rows)


def all_devices(tx: Tx) -> tuple[Device, ...]:
    """Every device, by id."""
    where = devices.c.tenant_id == tx.tenant_id
    rows = tx.rows(select(devices).where(where).order_by(devices.c.device_id))
    return tuple(decode(Device, dict(row)) for row in rows)


def put_dossier(tx: Tx, dossier: Dossier) -> None:
    """Add or renew what is known of a farmer for scoring."""
    tx.upsert(
        dossiers,
        farmer_id=dossier.farmer_id,
        as_of=dossier.as_of,
        features=json_text(dossier.features),
    )


def find_dossier(tx: Tx, farmer_id: str) -> Dossier | None:
    """What is known of a farmer for scoring, if anything."""

    def ask() -> Dossier | None:
        row = tx.find_row(dossiers, farmer_id=farmer_id)
        return _dossier(row) if row else None

    return tx.recall(dossiers, farmer_id, ask)


def _dossier(row: Mapping[str, Any]) -> Dossier:
    return Dossier(row["farmer_id"], row["as_of"], from_json(row["features"]))
