"""One simulated base station: the real store, rules, keys and sync, on a clock that may lie."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from core.decision.quote import Quote
from core.lending.clock import Reading
from core.lending.lease import Clock, DrawState
from core.lending.terms import CashMonth
from core.reasons import Reason
from core.scoring.features import DailyFeature
from core.shape import encode
from core.wire.envelope import LogClass
from core.wire.newplans import offer_sha256
from core.wire.records import Application, Consent, ConsentAction, Up
from core.wire.registry import Identity
from edge_node.config import Settings
from edge_node.decide.applications import LineAsk, apply_for_line
from edge_node.decide.consents import following, give_consent
from edge_node.decide.desk import ClockUnknownError, Desk, RequestError
from edge_node.decide.draws import (
    DrawAsk,
    Receipt,
    begin,
    confirm_payout,
    quote_draw,
    quote_sha256,
    recover,
    void,
)
from edge_node.decide.leaving import LeaveAsk, leave, way_out, way_out_sha256
from edge_node.decide.telemetry import telemetry_of
from edge_node.faces.kiosk.teller import Agreement, Sources, Teller
from edge_node.keys import KeyRing, PeerSealer, load_key_file
from edge_node.store import clocks, consents, leases, lines, logs, outbox, village
from edge_node.store.database import StationDatabase, open_database
from edge_node.store.models import NoModelError
from edge_node.store.village import UnknownRecordError
from edge_node.sync import peers
from edge_node.sync.applying import apply_envelope
from edge_node.sync.pushing import next_envelope
from edge_node.sync.rounds import Round, sync_once
from edge_node.sync.timekeeping import ask_time
from tests.simulation.faults import Fuse, FusedConnection, Link, drop
from tests.simulation.village import PRODUCT, PURPOSES, station_settings
from tests.support.centre import entropy

DISK_FREE_BYTES = 8 * 1024**3
UP_LOGS = (LogClass.MONEY, LogClass.FEATURES, LogClass.RAW)


_SHOWN = "SELECT draw_id, amount_minor FROM draws WHERE state = 'posted'"


@dataclass
class Promises:
    """What the station has told people and the centre: it must hold for ever.

    ``shown`` are receipts that a farmer has seen (draw and amount), ``receipted`` how far
    the centre signed to have each log.
    """

    shown: dict[str, int] = field(default_factory=dict)
    receipted: dict[LogClass, tuple[int, str]] = field(default_factory=dict)


class SimulatedStation:
    """A station whose process can die and whose clock can be wrong."""

    def __init__(
        self,
        folder: Path,
        name: str,
        centre: Identity,
        mint: Callable[[], str],
        settings: Settings | None = None,
    ) -> None:
        self.name = name
        self.mint = mint
        self.fuse = Fuse()
        self.promises = Promises()
        self.skew_ms, self.error_ms = 0, 1_000
        self._boots, self._nonces = 0, 0
        self._settings = settings or station_settings(folder, name)
        self.keys = keys = load_key_file(self._settings.key_path, name)
        self._desk = Desk(name, keys.signer, self._settings.utc_offset_ms)
        sealer = PeerSealer([bytes.fromhex(centre.seal_key)], entropy(name))
        verifier = KeyRing.of_hex(centre.public_key)
        told, link_path = peers.Centre(centre, verifier, sealer), self._settings.link_key_path
        if link_path.exists():  # a box that was put back from a backup
            link = load_key_file(link_path, name)
            ends = peers.Ends(self._desk, link.opener, told, link.signer)
        else:
            ends = peers.Ends(self._desk, keys.opener, told)
        self.ends = replace(ends, room=lambda _: DISK_FREE_BYTES)  # this machine's is no seed's
        self._telemetry_of = telemetry_of(self._settings)
        self.db = self._open()
        self.promises.shown |= dict(self.db.execute(_SHOWN).fetchall())
        self.note_receipts()

    def _open(self) -> StationDatabase:
        db = open_database(self._settings.database_path)
        db.conn = FusedConnection(db.conn, self.fuse)
        return db

    @property
    def settings(self) -> Settings:
        """Where its files are."""
        return self._settings

    def close(self) -> None:
        self.db.conn.close()

    @property
    def moved(self) -> tuple[int, int, int]:
        """Differs if anything was written, promised or started since it was last looked at."""
        return self._boots, self.db.conn.total_changes, len(self.promises.shown)

    def restart(self, now_ms: int) -> None:
        """The process is gone and comes back, as ``harvestline-edge run`` does."""
        self.fuse.disarm()
        self._boots += 1
        drop(self.db.conn)
        self.db = self._open()
        recover(self.db, self._desk, self.clock(now_ms))

    def clock(self, now_ms: int) -> Clock:
        """What the station takes for the time."""
        if self.error_ms < 0:
            return outbox.trust_clock(self.db, now_ms + self.skew_ms, self.error_ms)
        return clocks.read_clock(self.db, self._reading(now_ms))

    def _reading(self, now_ms: int) -> Reading:
        return Reading(now_ms + self.skew_ms, now_ms, f"boot-{self._boots}")

    def ask_time(self, link: Link, now_ms: int) -> bool:
        """Ask the centre for the time; whether it was told."""
        read = lambda: self._reading(now_ms)  # noqa: E731
        return ask_time(self.db, self.ends, link, read, self._nonce) is not None  # type: ignore[arg-type]

    def _nonce(self, count: int) -> bytes:
        self._nonces += 1
        return self._nonces.to_bytes(count, "big")

    def receipts(self) -> bytes:
        """The receipts that people were shown here, as they would bring them in."""
        kept = [leases.draw(self.db, draw_id) for draw_id in sorted(self.promises.shown)]
        return json.dumps([encode(each.drawdown) for each in kept if each is not None]).encode()

    def knows(self, farmer_id: str) -> bool:
        """Whether the farmer, the product and a model are here."""
        try:
            village.farmer(self.db, farmer_id)
            village.product(self.db, PRODUCT)
        except UnknownRecordError:
            return False
        return True

    def apply(
        self, farmer_id: str, wish: tuple[str, int, tuple[CashMonth, ...] | None], now_ms: int,
        purposes: tuple[str, ...] = PURPOSES,
    ) -> str:  # fmt: skip
        """A farmer asks for a first line: the plot, how much, own months; what came of it."""
        plot, asked_minor, cash = wish
        application = Application(
            self.mint(), farmer_id, PRODUCT, (plot,), asked_minor, "KES", cash=cash
        )
        given = self._consent(farmer_id, purposes, "0" * 64)
        ask = LineAsk(application, (given,), self.mint(), self.mint())
        try:
            kept = apply_for_line(self.db, self._desk, ask, self._telemetry_of, self.clock(now_ms))
        except (ClockUnknownError, RequestError, NoModelError, UnknownRecordError) as error:
            return error.code
        return kept.code.value if isinstance(kept, Reason) else kept.card.outcome.verdict.value

    def draw(self, line_id: str, farmer_id: str, amount_minor: int, now_ms: int) -> str | Receipt:
        """A farmer hears the price, consents, and a pending draw is committed."""
        clock = self.clock(now_ms)
        price = quote_draw(self.db, self._desk, line_id, amount_minor, clock)
        if isinstance(price, Reason):
            return price.code.value
        assert isinstance(price, Quote)
        given = self._consent(farmer_id, ("drawdown",), quote_sha256(price))
        begun = begin(
            self.db, self._desk, DrawAsk(self.mint(), line_id, amount_minor, given), clock
        )
        return begun.code.value if isinstance(begun, Reason) else begun

    def confirm(self, draw_id: str, now_ms: int) -> None:
        """The farmer confirms the payout, and sees the receipt."""
        receipt = confirm_payout(self.db, self._desk, draw_id, self.clock(now_ms))
        assert receipt.drawdown.state is DrawState.POSTED
        self.promises.shown[draw_id] = receipt.drawdown.amount_minor

    def void(self, draw_id: str, now_ms: int) -> None:
        """The farmer walks away."""
        void(self.db, self._desk, draw_id, self.clock(now_ms))

    def leave(self, line_id: str, now_ms: int) -> str:
        """A farmer ends an agreement at the kiosk, in its cooling-off period or as an offer."""
        clock, kept = self.clock(now_ms), lines.line(self.db, line_id)
        way = way_out(self.db, self._desk, kept, clock)
        if way is None:
            return "no way out"
        ask = LeaveAsk(self.mint(), line_id, way_out_sha256(way))
        left = leave(self.db, self._desk, ask, clock)
        return left.code.value if isinstance(left, Reason) else left.event.value

    def consent_to(self, farmer_id: str, purposes: tuple[str, ...], now_ms: int) -> str:
        """A farmer consents to purposes besides those of the product."""
        given = self._consent(farmer_id, purposes, "0" * 64)
        left = give_consent(self.db, self._desk, given, self.clock(now_ms))
        return "consents to " + " ".join(left)

    def take_consent_back(self, farmer_id: str, purpose: str, now_ms: int) -> str:
        """A farmer no longer consents to one of the purposes."""
        back = replace(
            self._consent(farmer_id, (purpose,), "0" * 64), action=ConsentAction.WITHDRAW
        )
        left = give_consent(self.db, self._desk, back, self.clock(now_ms))
        return "consents to " + " ".join(left)

    def agree_to_plan(self, farmer_id: str, line_id: str, now_ms: int) -> str:
        """A farmer reads the plan that is proposed anew for a line, and consents to it."""
        clock = self.clock(now_ms)
        now = Sources(lambda: (clock.at_ms, clock.error_ms), self.mint)
        teller = Teller(self.db, self._desk, now, self._telemetry_of)
        found = teller.new_plan(farmer_id, line_id)
        if found is None:
            return "no plan"
        done = teller.agree_to_plan(farmer_id, line_id, Agreement(offer_sha256(found.offer)))
        return "agreed" if done else "another plan by now"

    def measure(self, days: Sequence[DailyFeature], now_ms: int) -> str:
        """Days that devices told of settle, each feature of a day once."""
        clock = self.clock(now_ms)
        if not clock.known:
            return "settles no day"
        with self.db.atomic():
            for one in days:
                about = f"{one.subject_id}/{one.feature}/{one.day}"
                logs.append(self.db, self.name, Up.DAILY_FEATURE, one, clock, about)
        return "settled"

    def pending(self) -> list[str]:
        """Draws that are neither posted nor voided."""
        return [kept.drawdown.draw_id for kept in leases.pending_draws(self.db)]

    def open_lines(self) -> list[tuple[str, str]]:
        """Lines known here: (line, farmer)."""
        rows = self.db.execute("SELECT line_id, farmer_id FROM lines ORDER BY line_id")
        return [(row[0], row[1]) for row in rows.fetchall()]

    def sync(self, link: Link, now_ms: int) -> Round:
        """One round with the centre; what it receipts is a promise."""
        try:
            return sync_once(self.db, self.ends, link, self.clock(now_ms))  # type: ignore[arg-type]
        finally:
            self.fuse.held = True
            self.note_receipts()
            self.fuse.held = False

    def note_receipts(self) -> None:
        """Remember how far the centre has said that it has this station's logs."""
        for log in UP_LOGS:
            tail = outbox.delivered(self.db, log)
            if tail.seq >= self.promises.receipted.get(log, (0, ""))[0]:
                self.promises.receipted[log] = (tail.seq, tail.head)

    def stick(self, chance: Random) -> list[bytes]:
        """Envelopes of runs from anywhere in the logs, as sticks carry them in any order."""
        found = []
        for log in UP_LOGS:
            tail = logs.tail(self.db, log).seq
            for _ in range(chance.randrange(3) if tail else 0):
                data = next_envelope(self.db, self.ends, log, chance.randrange(tail))
                found += [data] if data is not None else []
        chance.shuffle(found)
        return found

    def take(self, data: bytes, now_ms: int) -> str:
        """Apply what a carrier brings down, however late or often."""
        return apply_envelope(self.db, self.ends, data, "stick", self.clock(now_ms)).fate.value

    def _consent(self, farmer_id: str, purposes: tuple[str, ...], shown: str) -> Consent:
        given = Consent(
            self.mint(), farmer_id, ConsentAction.GRANT, purposes, "lender", shown,
            spoken=False, helped=False,
        )  # fmt: skip
        known = consents.facts_of(self.db, self.name, farmer_id)
        return following(given, known, self.name)  # as the kiosk says it
