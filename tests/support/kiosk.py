"""A kiosk over a test station, as ``edge_node.commands.running`` wires it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from core.wire.slips import Vouch
from edge_node.faces.kiosk.application import kiosk
from edge_node.faces.kiosk.cash_pages import CASH_IDLE_MS_MAX, CashFront
from edge_node.faces.kiosk.cash_teller import CashTeller
from edge_node.faces.kiosk.front import Front
from edge_node.faces.kiosk.receipt_pages import Paper
from edge_node.faces.kiosk.station_page import IntakeHealth, station_state
from edge_node.faces.kiosk.teller import Sources, Teller
from edge_node.faces.kiosk.visits import Visits
from edge_node.faces.kiosk.voice import Voice
from tests.support.centre import Served, entropy
from tests.support.lending_station import Station


class Elapsed:
    """A clock that only a test moves [ms]."""

    def __init__(self) -> None:
        self.ms = 0

    def __call__(self) -> int:
        return self.ms


def kiosk_of(
    station: Station,
    elapsed: Elapsed,
    basemap: Callable[[], Path | None] = lambda: None,
    printer: Path | None = None,
    recordings: Path | None = None,
    speaker: type[Teller] = Teller,
) -> ASGIApp:
    """The kiosk's application over a station."""
    sources = Sources(lambda: (station.at_ms, station.error_ms), station.mint)
    teller = speaker(station.db, station.desk, sources, station.telemetry_of)
    visits = Visits(elapsed, entropy("kiosk"))

    def state():
        return station_state(
            station.db, station.desk.station, station.clock, lambda: IntakeHealth(connected=True)
        )

    front = Front(teller, visits, state, station.ends.shared_secret)
    desk_visits = Visits(elapsed, entropy("cash"), CASH_IDLE_MS_MAX)
    cash = CashFront(CashTeller(station.db, station.desk, sources), desk_visits)
    own = Vouch(station.desk.station, station.keys.signer.public_key.hex())
    paper = Paper(station.ends.centre.verifier, own, printer)
    offset_ms = station.settings.utc_offset_ms
    return kiosk(front, offset_ms, basemap=basemap, cash=cash, voice=Voice(recordings), paper=paper)


@contextlib.contextmanager
def visiting(station: Station, elapsed: Elapsed) -> Iterator[httpx.Client]:
    """A client of the station's kiosk over real HTTP."""
    served = Served(kiosk_of(station, elapsed))
    try:
        with httpx.Client(
            base_url=served.url, follow_redirects=True, trust_env=False, timeout=60
        ) as client:
            yield client
    finally:
        served.close()
