"""A station that runs: broker, intake, daily features, sync, kiosk; stopped in order.

Each part has its own thread and its own connection to the database. A part that
ends by a fault of its own ends the station with an error, so that its supervisor
starts it again: nothing acknowledged is lost by that.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

import uvicorn
from starlette.types import ASGIApp

from core.errors import HarvestlineError
from core.lending.clock import estimate
from core.lending.lease import Clock
from core.shape import encode
from core.wire.slips import Vouch
from edge_node.commands.alerts import row_of
from edge_node.commands.certificates import authority_of, keep_fresh, names_of
from edge_node.commands.hands import Bench, Hands, allowance_of, ballast_of
from edge_node.commands.heart import Heart, Turns, Watchdog
from edge_node.commands.journal import log_event
from edge_node.commands.metrics import Measured, MetricsDoor, StationCollector, registry_of
from edge_node.commands.updating import basemap_of, updating_of
from edge_node.commands.watching import (
    FEATURES_QUIET_S_MAX,
    QUIET_S_MAX,
    TurningCentreClient,
    intake_quiet_s,
    page_alive,
    probe_pages,
    sync_quiet_s,
)
from edge_node.config import LOOPBACK_NAMES, read_secret
from edge_node.decide.draws import recover
from edge_node.decide.fieldwork import FieldDesk
from edge_node.decide.telemetry import telemetry_of
from edge_node.faces.basemap import BasemapDoor
from edge_node.faces.carrier import Beside, Cargo, Door, carrier
from edge_node.faces.kiosk.application import kiosk
from edge_node.faces.kiosk.cash_pages import CASH_IDLE_MS_MAX, CashFront
from edge_node.faces.kiosk.cash_teller import CashTeller
from edge_node.faces.kiosk.front import Front
from edge_node.faces.kiosk.receipt_pages import Paper
from edge_node.faces.kiosk.station_page import IntakeHealth, StationState, station_state
from edge_node.faces.kiosk.teller import Sources, Teller
from edge_node.faces.kiosk.visits import Visits
from edge_node.faces.kiosk.voice import Voice
from edge_node.faces.tablet.application import TabletPages
from edge_node.faces.tablet.cargo import UNLINKED_MS, FieldCargo
from edge_node.faces.tablet.counter import Counter
from edge_node.faces.tablet.sessions import Sessions
from edge_node.intake.adapters import foreign_adapters
from edge_node.intake.broker import make_broker
from edge_node.intake.intake import Intake
from edge_node.store.box import BoxNotConfirmedError, may_write
from edge_node.store.clocks import newest_anchor, read_clock
from edge_node.store.database import (
    DiskFullError,
    StationDatabase,
    StoreError,
    leave_journal,
    open_database,
)
from edge_node.store.devices import DeviceRegistry
from edge_node.store.outbox import clock_floor_ms
from edge_node.sync.daily import tend_readings
from edge_node.sync.rounds import Pace, Rhythm, run_rounds
from edge_node.sync.stick import cargo_state, export_to, import_from
from edge_node.sync.timekeeping import keep_time
from edge_node.sync.wires import CentreClient
from edge_node.watch.rounds import open_notices

FEATURES_EVERY_S = 60
PASSWORD_BYTES = 24
STOP_S_MAX = 30.0
WATCH_S = 0.5  # how often the parts are looked at


class PartEndedError(HarvestlineError):
    """A part of the station ended by a fault of its own."""

    code = "HL-EDGE-016"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running station is reached."""

    page: str
    broker_host: str
    broker_port: int


class Running:
    """The parts of a running station.

    Parameters
    ----------
    station
        Settings, keys, database (used at start only), both ends of the link.
    """

    def __init__(self, station: Bench) -> None:
        self._station, self._settings = station, station.settings
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._databases: list[StationDatabase] = []
        path = self._settings.database_path
        self._registry = DeviceRegistry(path, self._settings.station, station.hands.now_ms)
        password = station.hands.entropy(PASSWORD_BYTES).hex()
        self._authority = authority_of(self._settings, station.hands)
        self._broker = make_broker(
            self._settings, self._registry, password, log_event, self._authority
        )
        self._intake = Intake(
            self._settings, path, self._registry, station.keys.signer, station.hands.now_ms,
            log_event, foreign_adapters(self._settings, station.keys),
        )  # fmt: skip
        self._server: uvicorn.Server | None = None
        self._updating = updating_of(station, self._connect, log_event)
        self._page_port = 0
        self._turns = {name: Turns() for name in ("features", "pages", "sync")}
        self.heart = Heart(station.hands.elapsed_ms)

    def start(self) -> Addresses:
        """Settle what a crash left, then start every part; where they are reached."""
        for settled in recover(self._station.db, self._station.ends.desk, self._station.clock()):
            log_event("draw_recovered", {"draw": settled.draw_id, "state": settled.state.value})
        if self._updating is not None:
            self._updating.begin()
        access = self._broker.start()
        self._intake.start(access)
        page = self._serve_pages()
        self._thread("features", self._compute_features)
        if self._settings.server_url:
            self._thread("sync", self._sync)
            self.heart.watch("sync", self._turns["sync"], sync_quiet_s(self._settings))
        if self._updating is not None:
            self._thread("updates", partial(self._updating.run, self._stop))
        if (found := self._authority) is not None:
            self._thread(
                "certificates", lambda: keep_fresh(found, self._page_context, self._stop, log_event)
            )
        self._watch_parts()
        return Addresses(page, access.host, access.port)

    def _watch_parts(self) -> None:
        quiet_s, intake, heart = intake_quiet_s(self._settings), self._intake, self.heart
        heart.watch("committer", intake.committer_turns, quiet_s)
        heart.watch("intake", intake.network_turns, quiet_s)
        heart.watch("features", self._turns["features"], FEATURES_QUIET_S_MAX)
        heart.watch("pages", self._turns["pages"], QUIET_S_MAX)
        ask = partial(page_alive, self._settings.page_host, self._page_port, self._page_authority())
        self._thread("probe", partial(probe_pages, ask, self._turns["pages"], self._stop))

    def wait(self, stop: threading.Event, watchdog: Watchdog) -> None:
        """Run until told to stop; the watchdog hears of every part that turns.

        Raises
        ------
        PartEndedError
            If a part ended by itself.
        """
        while not stop.wait(WATCH_S):
            ended = [thread.name for thread in self._threads if not thread.is_alive()]
            if not self._intake.is_running:
                ended.append("intake")
            if not self._broker.is_running:
                ended.append("broker")
            if ended:
                raise PartEndedError(f"expected every part to run, {ended} ended: see the log")
            watchdog.look(self._station.hands.elapsed_ms())
        if self._updating is not None:
            self._updating.prove(self._station.db)

    def stop(self) -> None:
        """Stop every part, intake last of those that write, then close the files."""
        self._stop.set()
        if self._server is not None:
            self._server.should_exit = True
        for thread in self._threads:
            thread.join(STOP_S_MAX)
        self._intake.stop()
        self._broker.stop()
        self._registry.close()
        for db in self._databases:
            db.close()

    def _cash_desk(self) -> CashFront:
        """The cash desk, with a connection and visits of its own."""
        hands, db = self._station.hands, self._connect()
        leave_journal(db)
        now, desk = partial(_estimate, db, hands), self._station.ends.desk
        visits = Visits(hands.elapsed_ms, hands.entropy, CASH_IDLE_MS_MAX)
        return CashFront(CashTeller(db, desk, Sources(now, hands.mint)), visits)

    def _paper(self) -> Paper:
        """What receipts are held against, and the printer, where there is one."""
        ends, device = self._station.ends, self._settings.printer_path
        own = Vouch(self._settings.station, self._station.keys.signer.public_key.hex())
        return Paper(ends.centre.verifier, own, device if device != Path() else None)

    def _serve_pages(self) -> str:
        hands, settings = self._station.hands, self._settings
        db = self._connect()
        leave_journal(db)
        telemetry = telemetry_of(settings)
        desk = self._station.ends.desk
        now = partial(_estimate, db, hands)
        teller = Teller(db, desk, Sources(now, hands.mint), telemetry)
        visits = Visits(hands.elapsed_ms, hands.entropy)
        front = Front(
            teller, visits, self._state_of(self._connect()), self._station.ends.shared_secret
        )
        cash = self._cash_desk()
        hosts = LOOPBACK_NAMES | {settings.page_host} | names_of(settings)
        basemap = basemap_of(settings, self._connect())
        voice = Voice(settings.recordings_folder)
        paper = self._paper()
        pages = kiosk(front, settings.utc_offset_ms, hosts, basemap, cash, voice, paper)
        shown = BasemapDoor(pages, basemap)
        app = self._with_metrics(self._with_carriers(self._with_tablets(shown, teller, hosts)))
        listener = socket.create_server((settings.page_host, settings.page_port))
        certificate, key = self._page_files()
        config = uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", ws="none",
            server_header=False, timeout_graceful_shutdown=5,
            ssl_certfile=certificate, ssl_keyfile=key,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        server = self._server
        self._thread("pages", lambda: server.run(sockets=[listener]))
        scheme = "http" if settings.page_tls == "off" else "https"
        self._page_port = int(listener.getsockname()[1])
        return f"{scheme}://{settings.page_host}:{self._page_port}"

    def _page_authority(self) -> Path | None:
        """What the pages' certificate is held against, if they have one."""
        if self._authority is None or self._settings.page_tls == "off":
            return None
        return self._authority.authority_path

    def _with_metrics(self, pages: ASGIApp) -> ASGIApp:
        """The pages, and the metrics beside them unless they are off."""
        if self._settings.metrics == "off":
            return pages
        db, hands = self._connect(), self._station.hands
        measured = Measured(
            settings=self._settings,
            clock=lambda: read_clock(db, hands.reading()),
            intake=self._intake.state,
            quiet_ms=self.heart.quiet_ms,
            certificate_end_ms=lambda: self._authority.ends_ms() if self._authority else 0,
        )
        registry = registry_of(StationCollector(db, measured))
        return MetricsDoor(pages, registry, loopback_only=self._settings.metrics == "loopback")

    def _page_files(self) -> tuple[Path | None, Path | None]:
        """Certificate and key of the pages' listener, if they are served over TLS."""
        if self._authority is None or self._settings.page_tls == "off":
            return None, None
        return self._authority.certificate_path, self._authority.key_path

    def _page_context(self) -> ssl.SSLContext | None:
        return self._server.config.ssl if self._server is not None else None

    def _with_tablets(self, pages: ASGIApp, teller: Teller, hosts: frozenset[str]) -> ASGIApp:
        """The pages, and beside them what agents' tablets are served."""
        hands, db = self._station.hands, self._connect()
        leave_journal(db)
        desk, telemetry = self._station.ends.desk, telemetry_of(self._settings)
        field = FieldDesk(
            desk, telemetry, hands.mint, teller.purposes, teller.consent_sha256,
            self._settings.photo_bytes_a_tablet_max,
        )  # fmt: skip
        sources = Sources(partial(_estimate, db, hands), hands.mint)
        sessions = Sessions(hands.elapsed_ms, hands.entropy)
        counter = Counter(
            db, field, sources, sessions, hands.entropy, teller.words,
            self._station.keys.identity.public_key, threading.Lock(),
            self._field_cargo(),
        )  # fmt: skip
        return TabletPages(pages, counter, hosts, self._page_authority())

    def _with_carriers(self, pages: ASGIApp) -> ASGIApp:
        """The pages, and the carriers' endpoint beside them if a token was set."""
        settings, hands = self._settings, self._station.hands
        if settings.carrier_token_file == Path():
            return pages
        door = Door(read_secret(settings.carrier_token_file), hands.elapsed_ms)
        return Beside(pages, carrier(door, self._cargo(self._connect())))

    def _cargo(self, db: StationDatabase) -> Cargo:
        turn, ends, hands = threading.Lock(), self._station.ends, self._station.hands

        def hand_out(file: IO[bytes], bytes_max: int) -> None:
            with turn:
                export_to(db, ends, file, read_clock(db, hands.reading()), bytes_max)

        def take_in(file: IO[bytes]) -> Mapping[str, Any]:
            with turn:
                clock = read_clock(db, hands.reading())
                told: Mapping[str, Any] = encode(import_from(db, ends, file, "carrier", clock))
                return told

        def alerts() -> list[dict[str, Any]]:
            with turn:
                return [row_of(db, one) for one in open_notices(db)]

        return Cargo(hand_out, take_in, self._settings.carrier_bytes_max, alerts)

    def _field_cargo(self) -> FieldCargo:
        """What agents' tablets carry: a stick's file, while the station has no link itself."""
        db, ends, hands = self._connect(), self._station.ends, self._station.hands
        turn = threading.Lock()

        def state() -> str:
            with turn:
                return cargo_state(db, ends, read_clock(db, hands.reading()), UNLINKED_MS)

        return FieldCargo(self._cargo(db), self._settings.server_url, state)

    def _state_of(self, db: StationDatabase) -> Callable[[], StationState]:
        turn, name = threading.Lock(), self._settings.station

        def state() -> StationState:
            with turn:
                clock = read_clock(db, self._station.hands.reading())
                return station_state(db, name, clock, self._health)

        return state

    def _health(self) -> IntakeHealth:
        found = self._intake.state()
        return IntakeHealth(found.connected, found.storage_blocked, self.heart.stuck())

    def _compute_features(self) -> None:
        db, hands = self._connect(), self._station.hands
        desk, every_s = self._station.ends.desk, min(FEATURES_EVERY_S, self._settings.sync_every_s)
        while not self._stop.wait(every_s):
            self._turns["features"].turn()
            try:
                if may_write(db):  # else the numbers of another box would be given twice
                    tend_readings(db, self._settings, desk, read_clock(db, hands.reading()))
            except (DiskFullError, StoreError, BoxNotConfirmedError) as error:
                log_event("features_wait", {"code": error.code})

    def _sync(self) -> None:
        db, hands = self._connect(), self._station.hands
        client = TurningCentreClient(self._settings, hands.elapsed_ms, self._turns["sync"])
        pace = Pace(self._settings.sync_every_s, self._settings.retry_s_max)
        rhythm = Rhythm(pace, allowance_of(self._settings), hands.entropy)
        try:
            while not self._stop.is_set():
                try:
                    run_rounds(
                        db, self._station.ends, client, partial(self._clock_kept, db, client),
                        rhythm, self._stop,
                    )  # fmt: skip
                except (DiskFullError, StoreError) as error:
                    log_event("sync_waits", {"code": error.code})
                    self._stop.wait(pace.retry_s_max)
        finally:
            client.close()

    def _clock_kept(self, db: StationDatabase, client: CentreClient) -> Clock:
        """The clock for a round, put right by the centre's word when that is due."""
        hands = self._station.hands
        self._turns["sync"].turn()
        keep_time(db, self._station.ends, client, hands.reading, hands.entropy)
        return read_clock(db, hands.reading())

    def _connect(self) -> StationDatabase:
        db = open_database(
            self._settings.database_path, any_thread=True, ballast=ballast_of(self._settings)
        )
        self._databases.append(db)
        return db

    def _thread(self, name: str, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()


def _estimate(db: StationDatabase, hands: Hands) -> tuple[int, int]:
    """The time and how far it may be off [ms UTC, ms]."""
    return estimate(hands.reading(), newest_anchor(db), clock_floor_ms(db))
