"""A real station and centre whose plots have pictures, and the kiosk over the station."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from starlette.types import ASGIApp

from core.canonical import parse_canonical, sha256_hex
from core.shape import decode
from core.shape import encode as encoded
from core.signing import sign_document
from core.wire.evidence import (
    EVIDENCE,
    Anomalies,
    Evidence,
    Findings,
    Observability,
    PictureRef,
    Stage,
)
from core.wire.records import Down
from core.wire.registry import Farmer
from edge_node.config import Settings
from edge_node.decide.telemetry import telemetry_of
from edge_node.faces.kiosk.application import kiosk
from edge_node.faces.kiosk.front import Front
from edge_node.faces.kiosk.station_page import IntakeHealth, station_state
from edge_node.faces.kiosk.teller import Sources, Teller
from edge_node.faces.kiosk.visits import Visits
from satellite.indices import index_named
from satellite.quicklooks.make import PictureJob, Pictures
from server.services.blobs import keep_blob
from server.services.centre import Work
from server.services.downlink import send_once
from server.services.evidence import accept_evidence
from server.store import registry
from tests.support.centre import entropy
from tests.support.centre_kit import SITE, STATION, Kit, open_known, village
from tests.support.kiosk import Elapsed
from tests.support.linked_station import RealStation
from tests.support.pictures import claim_of
from tests.support.tiny_scenes import (
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)

CARD = "card-of-{}"
KINDS = ("false_color", "index")


def draw_chips(folder: Path) -> Mapping[tuple[str, str], bytes]:
    """Real chips of a plot, by day and kind: two days, the second greener than the first."""
    rows, columns = np.mgrid[0:40, 0:40]
    green = 0.25 + 0.35 * (rows + columns) / 78 + 0.1 * np.sin(columns / 3)
    scenes = [
        ndvi_scene(f"s{n}", f"2026-04-{n:02d}", green * n / 12, np.full((20, 20), 4))
        for n in (10, 15)
    ]
    plots = write_plots(
        folder / "plots.geojson", [plot_feature("p1", box_ring(100, 100, 240, 300))]
    )
    catalog = write_catalog(folder / "stac", scenes)
    work = Pictures(PictureJob(str(catalog), plots, folder / "out", index_named("ndvi")))
    try:
        work.run(lambda *_: None)
        rows_kept = work.shelf.pictures("p1")
        return {
            (row.ref.day, row.ref.kind): (work.shelf.folder / row.name).read_bytes()
            for row in rows_kept
            if row.ref.kind in KINDS
        }
    finally:
        work.close()


def open_lines_with_cards(kit: Kit) -> None:
    """Give every farmer a card, and a line to those who have repaid a season."""
    for one in village().farmers:
        kit.centre.write(lambda work, one=one: _give_card(work, one))
    open_known(kit)


def _give_card(work: Work, known: Farmer) -> None:
    card = CARD.format(known.farmer_id)
    farmer = replace(known, card_sha256=sha256_hex(card.encode()))
    registry.put_farmer(work.tx, SITE, farmer)
    send_once(work, STATION, Down.FARMER, farmer)


def see(kit: Kit, subject_id: str, as_of: date, chips: Mapping[str, bytes]) -> None:
    """Let the satellite deliver evidence that names pictures, by kind; not their bytes."""
    signed = kit.evidence(subject_id, as_of, Stage.VEGETATIVE, 1_500)
    found = decode(Evidence, parse_canonical(signed, 10**6)["body"])
    findings = Findings(
        Observability(9, 700_000, 20, 4_000, 28), Anomalies(),
        pictures=tuple(
            PictureRef(kind, as_of.isoformat(), sha256_hex(data), "image/webp", len(data))
            for kind, data in chips.items()
        ),
    )  # fmt: skip
    body = encoded(replace(found, findings=findings))
    accept_evidence(kit.centre, sign_document(EVIDENCE, body, kit.satellite))


def deliver(kit: Kit, chips: Mapping[str, bytes]) -> None:
    """Let the satellite deliver the bytes of pictures."""
    for data in chips.values():
        keep_blob(kit.centre, claim_of(data), "sat-one", data)


def kiosk_over(station: RealStation) -> ASGIApp:
    """The kiosk of a station that is enrolled at a real centre."""
    ids = itertools.count(1)
    sources = Sources(lambda: (station.at_ms, 1_000), lambda: f"id-{next(ids):06d}")
    teller = Teller(station.db, station.desk, sources, telemetry_of(Settings()))
    visits = Visits(Elapsed(), entropy("kiosk"))

    def state():
        return station_state(
            station.db, station.desk.station, station.clock, lambda: IntakeHealth(connected=True)
        )

    return kiosk(Front(teller, visits, state), station.desk.utc_offset_ms)
