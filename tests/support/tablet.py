"""An agent's tablet without a screen: keys, chain and operations as its own code makes them."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path
from typing import Any

from core.canonical import parse_canonical, sha256_hex
from core.shape import encode
from core.signing import sign_document
from core.wire.envelope import GENESIS
from core.wire.fieldwork import (
    OPERATION,
    FieldVisit,
    Operation,
    OperationKind,
    PlotWalk,
    VisitPurpose,
)
from edge_node.decide.fieldwork import FieldDesk
from edge_node.decide.tablets import TabletDoor
from edge_node.faces.kiosk.teller import Sources, Teller
from edge_node.faces.tablet.application import TabletPages
from edge_node.faces.tablet.counter import Counter
from edge_node.faces.tablet.sessions import Sessions
from edge_node.keys import StationSigner
from edge_node.store.database import open_database
from tests.support.centre import entropy
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.lending_station import Station

HOSTS = frozenset({"127.0.0.1", "localhost"})
ON = date(2026, 4, 2).isoformat()
# A hectare near 37° E on the equator: a hundred metres a side, corners known within 6 m.
SIDE_E7 = 8_993
SQUARE = ((370_000_000, 0), (370_000_000 + SIDE_E7, 0),
          (370_000_000 + SIDE_E7, SIDE_E7), (370_000_000, SIDE_E7))  # fmt: skip
# The frame of a lossless WebP of 40 × 30 pixels: what a station reads of a picture.
_BITS = (39 | 29 << 14).to_bytes(4, "little")
_CHUNK = b"VP8L" + (300).to_bytes(4, "little") + b"\x2f" + _BITS + bytes(295)
WEBP = b"RIFF" + (4 + len(_CHUNK)).to_bytes(4, "little") + b"WEBP" + _CHUNK


class FieldTablet:
    """Signs operations in a chain."""

    def __init__(self, tablet_id: str = "tab-1", number: int = 9) -> None:
        self.tablet_id = tablet_id
        self.signer = StationSigner(bytes([number]) * 32)
        self.seq, self.head = 0, GENESIS

    @property
    def public_key(self) -> str:
        return self.signer.public_key.hex()

    def operation(self, kind: OperationKind, body: Any, **changes: Any) -> dict[str, Any]:
        """The next operation of the chain, signed."""
        fields: dict[str, Any] = {
            "operation_id": f"{self.tablet_id}-op-{self.seq + 1}", "tablet_id": self.tablet_id,
            "seq": self.seq + 1, "previous": self.head, "at_ms": 1, "kind": kind,
            "body": encode(body),
        }  # fmt: skip
        data = sign_document(OPERATION, encode(Operation(**fields | changes)), self.signer)
        self.seq, self.head = self.seq + 1, sha256_hex(data)
        return parse_canonical(data, 10**6)


def visit(visit_id: str = "v-1", farmer: int = 1, **changes: Any) -> FieldVisit:
    fields: dict[str, Any] = {
        "visit_id": visit_id, "farmer_id": f"f-{farmer}", "subject_id": f"plot-{farmer}",
        "visited_on": ON, "purpose": VisitPurpose.ROUTINE, "stage": "emergence",
        "note": "Even stand.", "photos": (),
    }  # fmt: skip
    return FieldVisit(**fields | changes)


def walk(walk_id: str = "w-1", farmer: int = 1, **changes: Any) -> PlotWalk:
    fields: dict[str, Any] = {
        "walk_id": walk_id, "farmer_id": f"f-{farmer}", "subject_id": f"plot-{farmer}",
        "walked_on": ON, "ring_e7": SQUARE, "accuracy_cm": (600,) * 4, "fixes_count": 300,
        "pauses_count": 1, "area_m2": 10_000, "sd_m2": 562, "low_m2": 9_279,
    }  # fmt: skip
    return PlotWalk(**fields | changes)


def field_desk(station: Station, teller: Teller) -> FieldDesk:
    return FieldDesk(
        station.desk, station.telemetry_of, station.mint, teller.purposes, teller.consent_sha256
    )


def teller_of(station: Station) -> Teller:
    sources = Sources(lambda: (station.at_ms, station.error_ms), station.mint)
    return Teller(station.db, station.desk, sources, station.telemetry_of)


def door_of(station: Station) -> TabletDoor:
    return TabletDoor(station.db, station.desk.station, station.clock, entropy("door"))


def tablet_pages(
    station: Station,
    elapsed: Elapsed,
    authority: Path | None = None,
    speaker: type[Teller] = Teller,
) -> TabletPages:
    """The station's pages with the tablet's beside, as ``edge_node.commands.running`` wires it.

    On a connection of its own: a test may use the station's while a page speaks with this.
    """
    db = open_database(station.settings.database_path, any_thread=True)
    sources = Sources(lambda: (station.at_ms, station.error_ms), station.mint)
    teller = speaker(db, station.desk, sources, station.telemetry_of)
    counter = Counter(
        db, field_desk(station, teller), sources, Sessions(elapsed, entropy("sessions")),
        entropy("counter"), teller.words, station.keys.identity.public_key, threading.Lock(),
    )  # fmt: skip
    return TabletPages(kiosk_of(station, elapsed), counter, HOSTS, authority)
