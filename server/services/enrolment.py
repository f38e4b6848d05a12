"""Registering a village, its stations, the makers of evidence, products and people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.canonical import canonical_hash, sha256_hex
from core.errors import ShapeError
from core.lending.product import Product
from core.shape import decode
from core.wire.records import Down
from core.wire.registry import (
    Farmer,
    Identity,
    Registry,
    Subject,
    SubjectKind,
    ring_sha256_input,
)
from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send_once, stock_station
from server.services.erasing import is_erased
from server.services.grounds import as_chosen
from server.services.leasing import issue_for_station
from server.services.leave import leave_of
from server.services.moving import move_home
from server.services.offering import require_openable
from server.services.officers import (
    PASSWORD_CHARACTERS_MIN,
    require_known,
    require_new_name,
    told,
)
from server.store import accounts, logs, partners, people, products, registry
from server.store.accounts import Done
from server.store.money_words import WordKind
from server.store.people import Actor, Role, Token, User
from server.store.products import ProductUse
from server.store.registry import Site
from server.store.scoping import Holder, Scope, put_scope, scope_of

_WHOLE = Scope()
PROPOSE = "product propose FILE"  # by which a supervisor asks for a version
CARD_TOKEN_DIGITS = 20  # hexadecimal: 80 bits, short enough for a printed code


@dataclass(frozen=True, slots=True)
class NewCard:
    """A farmer's card token, known here once and never again."""

    farmer_id: str
    name: str
    token: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import brought."""

    site: str
    farmers_count: int
    subjects_count: int
    devices_count: int
    dossiers_count: int
    cards: tuple[NewCard, ...]


def parse_registry(data: bytes) -> Registry:
    """A village from a registry file.

    Raises
    ------
    ShapeError
        If it is not JSON, or a field is missing or of another type.
    """
    try:
        return decode(Registry, json.loads(data))
    except ValueError as error:
        raise ShapeError(f"expected a registry in JSON: {error}") from error


def parse_polygons(data: bytes) -> dict[str, dict[str, Any]]:
    """The polygons of a GeoJSON file by ``plot_id``.

    Raises
    ------
    RequestError
        If it is not a FeatureCollection, or a feature lacks its plot_id or polygon.
    """
    try:
        found = json.loads(data)
        features = found["features"]
        return {
            feature["properties"]["plot_id"]: _polygon(feature["geometry"]) for feature in features
        }
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"expected a GeoJSON FeatureCollection whose features have a plot_id: {error!r}"
        ) from error


def _polygon(geometry: Mapping[str, Any]) -> dict[str, Any]:
    if geometry["type"] != "Polygon":
        raise RequestError(f"expected polygons, got a {geometry['type']}")
    return {"type": "Polygon", "coordinates": geometry["coordinates"]}


def import_village(
    centre: Centre, village: Registry, polygons: Mapping[str, dict[str, Any]], actor: Actor
) -> Imported:
    """Register a village; the same again renews it and mints no new cards.

    Raises
    ------
    RequestError
        If a plot's polygon is missing or is not the one that the registry names.
    """
    return centre.write(lambda work: _import(work, village, polygons, actor, centre))


def _import(
    work: Work,
    village: Registry,
    polygons: Mapping[str, dict[str, Any]],
    actor: Actor,
    centre: Centre,
) -> Imported:
    site = Site(village.site, village.name, village.utc_offset_minutes, village.currency)
    registry.put_site(work.tx, site)
    cards = [_put_farmer(work, centre, village.site, farmer) for farmer in village.farmers]
    for subject in village.subjects:
        if is_erased(registry.find_farmer(work.tx, subject.farmer_id)):
            continue
        polygon = polygons.get(subject.subject_id)
        geojson = json.dumps(polygon) if polygon else None
        registry.put_subject(work.tx, *as_chosen(work, _with_ring(subject, polygon), geojson))
    for device in village.devices:
        registry.put_device(work.tx, device)
    for dossier in village.dossiers:
        registry.put_dossier(work.tx, dossier)
    for station in registry.all_stations(work.tx):
        stock_station(work, station.name)
        issue_for_station(work, station.name)
    people.record(work.tx, work.at_ms, actor, "village_imported", ("site", village.site))
    return Imported(
        site=village.site,
        farmers_count=len(village.farmers),
        subjects_count=len(village.subjects),
        devices_count=len(village.devices),
        dossiers_count=len(village.dossiers),
        cards=tuple(card for card in cards if card is not None),
    )


def _put_farmer(work: Work, centre: Centre, site: str, farmer: Farmer) -> NewCard | None:
    known = registry.find_farmer(work.tx, farmer.farmer_id)
    if is_erased(known):
        return None  # an older file of the village names them still
    if known is not None and known.card_sha256:
        # The home changes only with the old station's word: see `moving`.
        renewed = replace(farmer, card_sha256=known.card_sha256, home_station=known.home_station)
        registry.put_farmer(work.tx, site, renewed)
        move_home(work, renewed, farmer.home_station)
        return None
    token = centre.new_token()[:CARD_TOKEN_DIGITS]
    registry.put_farmer(work.tx, site, replace(farmer, card_sha256=sha256_hex(token.encode())))
    return NewCard(farmer.farmer_id, farmer.name, token)


def _with_ring(subject: Subject, polygon: Mapping[str, Any] | None) -> Subject:
    """The subject with the hash of its polygon's outer ring, which evidence must cite."""
    if polygon is None:
        if subject.kind in (SubjectKind.PLOT, SubjectKind.PASTURE):
            raise RequestError(f"expected a polygon for {subject.subject_id} in the plots file")
        return replace(subject, outline_e7=None)
    ring = [(float(lon), float(lat)) for lon, lat, *_ in polygon["coordinates"][0]]
    found = canonical_hash(ring_sha256_input(ring))
    if subject.polygon_sha256 and subject.polygon_sha256 != found:
        raise RequestError(
            f"{subject.subject_id}: the plots file's polygon is not the one that the registry "
            "names; use the files that were written together"
        )
    return replace(subject, polygon_sha256=found, outline_e7=None)  # drawn from the polygon


def enroll_station(centre: Centre, identity: Identity, actor: Actor) -> bool:
    """Enrol a station and send it its village; False if it was enrolled before."""

    def act(work: Work) -> bool:
        new = registry.put_station(work.tx, identity, work.at_ms)
        stock_station(work, identity.name)
        issue_for_station(work, identity.name)
        subject = ("station", identity.name)
        people.record(work.tx, work.at_ms, actor, "station_enrolled", subject)
        return new

    return centre.write(act)


def release_station(centre: Centre, name: str, actor: Actor) -> str:
    """Take from a quarantined station again, after a person has looked; why it was stopped.

    Raises
    ------
    RequestError
        If it is not quarantined.
    """

    def act(work: Work) -> str:
        reason = logs.quarantine_reason(work.tx, registry.station(work.tx, name).name)
        if not reason:
            raise RequestError(f"expected a quarantined station, {name} is not")
        logs.release_writer(work.tx, name)
        people.record(work.tx, work.at_ms, actor, "station_released", ("station", name))
        return reason

    return centre.write(act)


def enroll_satellite(centre: Centre, identity: Identity, actor: Actor) -> bool:
    """Register a maker of evidence; False if it was registered before."""

    def act(work: Work) -> bool:
        new = registry.put_satellite(work.tx, identity, work.at_ms)
        subject = ("satellite", identity.name)
        people.record(work.tx, work.at_ms, actor, "satellite_registered", subject)
        return new

    return centre.write(act)


def add_product(centre: Centre, product: Product, actor: Actor) -> bool:
    """Put a version of a product in force and push it; False if it is known.

    Raises
    ------
    ProductError
        If no line of it can be opened today.
    RequestError
        If two supervisors stand, and two persons did not approve it.
    """
    require_openable(product)
    name = product.policy_version()

    def act(work: Work) -> bool:
        people.lock_trail(work.tx)  # so that no second supervisor comes to stand meanwhile
        kept = products.kept(work.tx, name)
        is_known = kept is not None and kept.state is ProductUse.IN_FORCE
        word_id = "" if is_known else leave_of(work.tx, (WordKind.POLICY, name), PROPOSE)
        new = products.add(work.tx, product, work.at_ms)
        for station in registry.all_stations(work.tx):
            send_once(work, station.name, Down.PRODUCT, product)
            issue_for_station(work, station.name)
        detail = {"word_id": word_id} if word_id else {}
        people.record(work.tx, work.at_ms, actor, "product_added", ("product", name), detail)
        return new

    return centre.write(act)


def add_user(centre: Centre, username: str, password: str, role: Role, actor: Actor) -> None:
    """Add someone who may log in, while the tenant is founded: until two supervisors stand.

    From then on whoever may log in is invited by one person and confirmed by another.

    Raises
    ------
    RequestError
        If the name cannot be, the password is too short, or two supervisors stand.
    ConflictError
        If somebody has that name, written otherwise.
    """
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise RequestError(
            f"expected a name and a password of at least {PASSWORD_CHARACTERS_MIN} characters"
        )
    hashed = centre.password_hash(password)

    def act(work: Work) -> None:
        people.lock_trail(work.tx)  # so that no two found the second supervisor together
        known = people.user(work.tx, username)
        if known is None:
            require_new_name(work.tx, username)
        if accounts.is_founded(work.tx):
            raise RequestError(
                "two supervisors stand, so nobody is added by one alone: expected `user invite "
                f"{username}` by a supervisor and `word confirm` by another person"
            )
        done = Done(accounts.FOUNDED, actor.name, work.at_ms)
        accounts.take(work.tx, User(username, hashed, role, disabled=False), done)
        people.record(work.tx, work.at_ms, actor, "user_added", ("user", username))

    centre.write(act)


def add_token(
    centre: Centre, label: str, role: Role, actor: Actor, party: str = "",
    scope: Scope = _WHOLE,
) -> str:  # fmt: skip
    """A new bearer token for a program; only its hash is kept.

    Parameters
    ----------
    party
        The registered supplier or buyer for whom it speaks; empty for every other role.
    scope
        The part of the book that it sees; from then on two persons say another.

    Raises
    ------
    RequestError
        If a role that speaks for a partner is given none, or another is given one; if a value
        of the scope is not known, or tokens of that label have one already.
    NotKnownError
        If the partner is not registered.
    """
    token = centre.new_token()

    def act(work: Work) -> None:
        _require_party(work, role, party)
        if not scope.is_whole:  # before the token is there: then the database lets it be bounded
            _require_new_label(work, label)
            require_known(work.tx, scope)
            put_scope(work.tx, Holder.TOKEN, replace(scope, name=label))
        digest = sha256_hex(token.encode())
        people.put_token(work.tx, Token(digest, label, role, work.at_ms, party))
        seen = scope_of(work.tx, Holder.TOKEN, label)
        detail = {"role": role.value, "party": party, "scope": told(seen)}
        people.record(work.tx, work.at_ms, actor, "token_added", ("token", label), detail)

    centre.write(act)
    return token


def _require_new_label(work: Work, label: str) -> None:
    if label in {each.label for each in people.all_tokens(work.tx)}:
        raise RequestError(
            f"{label} has tokens: what they see is said by two (`token scope`), or name a new label"
        )


def _require_party(work: Work, role: Role, party: str) -> None:
    if (role in people.BOUND_ROLES) != bool(party):
        raise RequestError(f"a token of role {role.value}: expected its supplier or buyer, or none")
    if party and partners.get(work.tx, party).kind.value != role.value:
        raise RequestError(f"{party}: expected a registered {role.value}, it is another")


def revoke_token(centre: Centre, label: str, actor: Actor) -> None:
    """Take a program's tokens back, from the next request on.

    Raises
    ------
    NotKnownError
        If no good token has that label.
    """

    def act(work: Work) -> None:
        people.revoke_token(work.tx, label, work.at_ms)
        people.record(work.tx, work.at_ms, actor, "token_revoked", ("token", label))

    centre.write(act)
