"""A real station and a real centre over HTTP, through a TCP link that can be made bad."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from core.canonical import parse_canonical
from core.decision.quote import Quote
from core.lending.lease import Clock
from core.scoring.features import DailyFeature
from core.wire.envelope import LogClass, LogName
from core.wire.records import Up
from core.wire.telemetry import Batch
from edge_node.decide.desk import Desk
from edge_node.decide.draws import DrawAsk, Receipt, begin, confirm_payout, quote_draw, quote_sha256
from edge_node.keys import KeyRing, PeerSealer, create_key_file
from edge_node.store import logs, outbox
from edge_node.store.database import StationDatabase
from edge_node.store.outbox import trust_clock
from edge_node.sync import peers
from edge_node.sync.metering import UNMETERED, Allowance
from edge_node.sync.rounds import Round, sync_once
from edge_node.sync.wires import NO_FILE, CentreClient, Patience
from firmware_sim.links.tcp import HOST, LinkShape, TcpLink
from server.app import create_app
from server.config import Settings
from server.keys import write_secret
from server.store import logs as centre_logs
from server.store.engine import Store, open_store
from server.store.schema import migrate as migrate_centre
from tests.support.centre import Served, elapsed_ms, entropy
from tests.support.centre_kit import STATION, Kit, build_kit
from tests.support.edge_station import sample, signed_batch
from tests.support.lending_station import consent
from tests.support.station_store import migrated
from tests.support.tls import Certificate

UP_LOGS = (LogClass.MONEY, LogClass.FEATURES, LogClass.RAW)


class RealStation:
    """A station's store, keys and sync, enrolled at a centre; writes records of each class."""

    def __init__(self, folder: Path, kit: Kit) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        keys = create_key_file(folder / f"{STATION}.json", STATION, b"\x02" * 32, b"\x66" * 32)
        identity = kit.centre.keys.identity()
        assert keys.identity.public_key == kit.station.keys.identity().public_key
        self.path = folder / "station.db"
        self.at_ms = kit.clock.at_ms
        self.db: StationDatabase = migrated(self.path, self.at_ms, any_thread=True)
        sealer = PeerSealer([bytes.fromhex(identity.seal_key)], entropy("real"))
        verifier = KeyRing.of_hex(identity.public_key)
        self.desk = Desk(STATION, keys.signer, 180 * 60_000)
        self.ends = peers.Ends(self.desk, keys.opener, peers.Centre(identity, verifier, sealer))
        self._written = 0

    @property
    def clock(self) -> Clock:
        return trust_clock(self.db, self.at_ms, 1_000)

    def money(self, count: int = 1) -> None:
        """Consents of farmer A, each in a transaction of its own."""
        for _ in range(count):
            self._written += 1
            with self.db.atomic():
                given = consent(f"consent-{self._written}", "farmer-a", "terms")
                logs.append(self.db, STATION, Up.CONSENT, given, self.clock)

    def draw(self, line_id: str, farmer_id: str, amount_minor: int) -> None:
        """A posted draw of a farmer, as the desk makes it: quoted, consented to, paid out."""
        self._written += 1
        price = quote_draw(self.db, self.desk, line_id, amount_minor, self.clock)
        assert isinstance(price, Quote), price
        shown, number = quote_sha256(price), self._written
        given = consent(f"consent-{number}", farmer_id, shown, purposes=("drawdown",))
        ask = DrawAsk(f"draw-{number}", line_id, amount_minor, given)
        begun = begin(self.db, self.desk, ask, self.clock)
        assert isinstance(begun, Receipt), begun
        confirm_payout(self.db, self.desk, begun.drawdown.draw_id, self.clock)

    def features(self, count: int) -> None:
        """Daily features of a plot."""
        with self.db.atomic():
            for n in range(count):
                day = f"2026-04-{n % 28 + 1:02d}"
                sha = self.desk.signer.sign(f"{n}".encode()).hex()[:64]
                one = DailyFeature("plot-a1", f"f{n % 7}", day, n, 10**6, 144, sha)
                logs.append(self.db, STATION, Up.DAILY_FEATURE, one, self.clock)

    def raw(self, count: int, samples: int = 6) -> None:
        """Signed batches of a soil probe, verbatim."""
        with self.db.atomic():
            for n in range(count):
                self._written += 1
                first = self._written * samples + 1
                taken = tuple(
                    sample(first + i, soil_moisture_ppm=200_000 + 37 * (n + i), battery_mv=3_900)
                    for i in range(samples)
                )
                document = signed_batch(Batch("probe-1", "e1", 1, first, taken))
                body = parse_canonical(document, 10**6)
                logs.append(self.db, STATION, Up.TELEMETRY, body, self.clock)

    def waiting(self) -> int:
        """Records without a receipt."""
        return sum(
            logs.waiting(self.db, log, outbox.delivered(self.db, log).seq)[0] for log in UP_LOGS
        )

    def sync(self, client: CentreClient, allowance: Allowance = UNMETERED) -> Round:
        return sync_once(self.db, self.ends, client, self.clock, allowance)


class Linked:
    """Both, and the link between them."""

    def __init__(
        self, kit: Kit, station: RealStation, link: TcpLink, certificate: Certificate | None = None
    ) -> None:
        self.kit, self.station, self.link = kit, station, link
        self._certificate = certificate
        self._clients: list[CentreClient] = []

    def client(self, patience: Patience | None = None) -> CentreClient:
        scheme, authority = "http", NO_FILE
        if self._certificate is not None:
            scheme, authority = "https", self._certificate.cert
        url = f"{scheme}://{HOST}:{self.link.port}"
        client = CentreClient(url, elapsed_ms, patience, authority)
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()

    def require_all_once(self) -> None:
        """The centre has each log of the station, record by record, and nothing else."""
        for log in UP_LOGS:
            ours = logs.read_run(self.station.db, log, 0, 10**6, 2**40)
            theirs = self.kit.read(centre_logs.inbound_run, LogName(STATION, log), 0, 10**6)
            assert [kept.record for kept in theirs] == list(ours)
            receipted = outbox.delivered(self.station.db, log)
            assert receipted == logs.tail(self.station.db, log)


@contextmanager
def linked_station(
    folder: Path, shape: LinkShape | None = None, certificate: Certificate | None = None
) -> Any:
    """A station and a centre on SQLite with a link of some shape between them.

    With a certificate they speak TLS through it.
    """
    store: Store = open_store(f"sqlite:///{folder / 'centre.sqlite'}", "lender")
    migrate_centre(store)
    write_secret(folder / "session.secret", b"5" * 64)
    settings = Settings(
        session_secret_file=str(folder / "session.secret"),
        updates_folder=str(folder / "updates"),
        updates_key_file=str(folder / "updates.key"),
    )
    kit = build_kit(store, settings)
    station = RealStation(folder / "station", kit)
    served = Served(create_app(kit.centre), certificate)
    port = int(served.url.rpartition(":")[2])
    try:
        with TcpLink(HOST, port, np.random.default_rng(7), shape) as link:
            linked = Linked(kit, station, link, certificate)
            try:
                yield linked
            finally:
                linked.close()
    finally:
        served.close()
        station.db.close()
        store.close()
