"""A station with a village behind it, for tests of lending: real store, keys and centre."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from core.canonical import sha256_hex
from core.decision.quote import Quote
from core.lending.accrual import DayCount
from core.lending.lease import Clock, Lease, LeaseKind
from core.lending.limit import Movement
from core.lending.product import Product, parse_product
from core.lending.terms import ArrearsTerms, ScheduleKind, ScheduleTerms
from core.reasons import Reason, ReasonCode
from core.units import MS_PER_DAY, day_start_ms
from core.wire.linefacts import LineDraw, LineFacts, LinePaid, LineTerms
from core.wire.records import (
    Application,
    Consent,
    ConsentAction,
    Down,
    EvidenceDigest,
    Freeze,
    LineStatus,
)
from core.wire.registry import Dossier, Farmer, Subject, SubjectKind
from edge_node.config import Settings
from edge_node.decide.applications import LineAsk, apply_for_line
from edge_node.decide.desk import Desk
from edge_node.decide.draws import DrawAsk, Receipt, begin, confirm_payout, quote_draw, quote_sha256
from edge_node.decide.telemetry import telemetry_of
from edge_node.keys import KeyRing, PeerSealer, StationKeys, create_key_file
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import KeptCard
from edge_node.store.outbox import trust_clock
from edge_node.sync import peers
from edge_node.sync.applying import Applied, apply_envelope
from edge_node.sync.pulling import pull_document
from tests.support.centre import Centre, entropy
from tests.support.models import small_model
from tests.support.products import CROP
from tests.support.station_store import migrated

APRIL_1 = day_start_ms(date(2026, 4, 1))
CARDS = {f"f-{n}": f"card-token-of-farmer-{n}" for n in range(1, 8)}

MAIZE: dict[str, Any] = {
    **CROP,
    "product_id": "crop-season",
    "name": "Maize season",
    "currency": "KES",
    "crop": "maize",
    "season_id": "2026-long-rains",
    "scale_of_finance_minor_per_ha": 2_500_000,
    "price": {**CROP["price"], "price_minor_per_kg": 4_500},
    "credit": {
        **CROP["credit"],
        "rate_ppm": 140_000,
        "fee_ppm": 15_000,
        "limit_max_minor": 10_000_000,
        "draw_step_minor": 50_000,
    },
    "capacity": {"living_cost_minor_per_person": 100_000},
    "lease": {**CROP["lease"], "onboarding_lines_max": 3, "onboarding_minor_per_line": 800_000},
}


def maize(**changes: Any) -> Product:
    """The maize product of the demo, small."""
    return parse_product({**MAIZE, **changes})


def lease(lease_id: str, line_id: str, amount_minor: int, **changes: Any) -> Lease:
    """A lease on a line at station kijani, 60 days from 1 April 2026."""
    fields: dict[str, Any] = {
        "lease_id": lease_id,
        "kind": LeaseKind.LINE,
        "station": "kijani",
        "product_id": "crop-season",
        "currency": "KES",
        "amount_minor": amount_minor,
        "signed_at_ms": APRIL_1,
        "expires_at_ms": APRIL_1 + 60 * MS_PER_DAY,
        "line_id": line_id,
        "limit_minor": 2_000_000,
    }
    return Lease(**{**fields, **changes})


def onboarding(lease_id: str = "on-1", **changes: Any) -> Lease:
    """Leave to open three lines of KES 8,000 each."""
    fields: dict[str, Any] = {
        "kind": LeaseKind.ONBOARDING,
        "limit_minor": 0,
        "per_line_minor": 800_000,
        "lines_max": 3,
    }
    return lease(lease_id, "", 2_400_000, **{**fields, **changes})


def status(line_id: str, limit_minor: int, movement: Movement, **changes: Any) -> LineStatus:
    """A line of farmer 1 as the centre tells it."""
    fields: dict[str, Any] = {
        "line_id": line_id,
        "farmer_id": "f-1",
        "product_id": "crop-season",
        "subject_ids": ("plot-1",),
        "currency": "KES",
        "limit_minor": limit_minor,
        "principal_minor": 0,
        "interest_minor": 0,
        "fee_minor": 0,
        "rate_ppm": 140_000,
        "due_on": "2026-09-15",
        "as_of": "2026-04-01",
        "movement": movement,
        "reasons": (Reason(ReasonCode.LIMIT_STAGE_SEEN, {"stage": "vegetative"}),),
        "evidence_ids": ("ev-1",),
        "open": True,
        "counted_seq": 0,
    }
    return LineStatus(**{**fields, **changes})


def monthly(*drawn: tuple[str, str, int], paid: Sequence[tuple[str, int]] = ()) -> LineFacts:
    """Facts of a line that is repaid month by month, with a penalty for being late."""
    terms = LineTerms(
        DayCount.ACT_365F,
        ScheduleTerms(ScheduleKind.EQUAL_PRINCIPAL, every_months=1),
        ArrearsTerms(0, 60_000),
    )
    draws = tuple(LineDraw(name, on, amount, amount * 15 // 1000) for name, on, amount in drawn)
    return LineFacts(terms, draws, tuple(LinePaid(*each) for each in paid))


class Station:
    """A station's halves, wired as ``app.py`` wires them, with a clock that tests turn."""

    def __init__(self, folder: Path, name: str = "kijani") -> None:
        self.folder = folder
        self.settings = Settings(station=name, site="kijani", folder=folder)
        self.keys: StationKeys = create_key_file(
            self.settings.key_path, name, b"\x01" * 32, b"\x02" * 32
        )
        self.centre = Centre(self.keys.identity)
        self.db: StationDatabase = migrated(self.settings.database_path, APRIL_1, any_thread=True)
        self.at_ms = APRIL_1 + MS_PER_DAY
        self.error_ms = 1_000
        self.desk = Desk(name, self.keys.signer, self.settings.utc_offset_ms)
        self.verifier = KeyRing([self.keys.signer.public_key])
        self.ends = ends_of(self.desk, self.keys, self.centre)
        self.telemetry_of = telemetry_of(self.settings)
        self._ids = itertools.count(1)

    def close(self) -> None:
        self.db.close()

    @property
    def clock(self) -> Clock:
        return trust_clock(self.db, self.at_ms, self.error_ms)

    def mint(self) -> str:
        return f"id-{next(self._ids):06d}"

    def populate(self, farmers: int = 3) -> None:
        """Let the centre register farmers with a plot each, a product, a model, a lease."""
        say = self.centre.say
        for n in range(1, farmers + 1):
            token = CARDS.get(f"f-{n}", f"card-{n}")
            say(Down.FARMER, farmer(n, token), APRIL_1)
            say(Down.SUBJECT, plot(n), APRIL_1)
            say(Down.DOSSIER, Dossier(f"f-{n}", "2026-03-01", {"past_late_days": 0}), APRIL_1)
        say(Down.PRODUCT, maize(), APRIL_1)
        self.centre.say_model(small_model(), APRIL_1)
        self.centre.say_lease(onboarding())
        self.take_down()

    def take_down(self) -> Applied:
        """Carry the rest of the centre's log to the station, without HTTP."""
        document = self.centre.pull(self._pull())
        applied = None
        while document is not None:
            applied = apply_envelope(self.db, self.ends, document, "link", self.clock)
            document = self.centre.pull(self._pull())
        assert applied is not None, "the centre had nothing to say"
        return applied

    def _pull(self) -> bytes:
        return pull_document(self.db, self.ends, self.clock)

    def apply(self, farmer_number: int = 1, asked_minor: int = 800_000, **changes: Any) -> Any:
        """Farmer ``n`` applies for a line on their plot and consents to what is asked."""
        farmer_id = f"f-{farmer_number}"
        application = Application(
            self.mint(),
            farmer_id,
            changes.pop("product_id", "crop-season"),
            changes.pop("subject_ids", (f"plot-{farmer_number}",)),
            asked_minor,
            "KES",
            cash=changes.pop("cash", None),
        )
        consents = changes.pop("consents", (consent(self.mint(), farmer_id, "terms"),))
        ask = LineAsk(application, consents, self.mint(), self.mint())
        return apply_for_line(self.db, self.desk, ask, self.telemetry_of, self.clock)

    def opened_line(self, farmer_number: int = 1) -> str:
        """Apply, expect approval, and return the new line."""
        kept = self.apply(farmer_number)
        assert isinstance(kept, KeptCard)
        assert kept.line_id, kept.card.outcome
        return kept.line_id

    def begin(self, line_id: str, amount_minor: int, draw_id: str = "") -> Receipt | Reason:
        """Ask for the price, consent to it, and commit a pending draw."""
        price = quote_draw(self.db, self.desk, line_id, amount_minor, self.clock)
        shown = quote_sha256(price) if isinstance(price, Quote) else "0" * 64
        farmer_id = self.db.execute(
            "SELECT farmer_id FROM lines WHERE line_id = ?", [line_id]
        ).fetchone()[0]
        given = consent(self.mint(), farmer_id, shown, purposes=("drawdown",))
        ask = DrawAsk(draw_id or self.mint(), line_id, amount_minor, given)
        return begin(self.db, self.desk, ask, self.clock)

    def draw(self, line_id: str, amount_minor: int) -> Receipt:
        """A posted draw."""
        begun = self.begin(line_id, amount_minor)
        assert isinstance(begun, Receipt), begun
        return confirm_payout(self.db, self.desk, begun.drawdown.draw_id, self.clock)


def ends_of(desk: Desk, keys: StationKeys, centre: Centre) -> peers.Ends:
    """Both ends of the link, with the centre's real public keys."""
    seal_key = bytes.fromhex(centre.identity.seal_key)
    verifier = KeyRing.of_hex(centre.identity.public_key)
    sealer = PeerSealer([seal_key], entropy("station"))
    return peers.Ends(desk, keys.opener, peers.Centre(centre.identity, verifier, sealer))


def lent_station(folder: Path, line_id: str = "line-1") -> Station:
    """A populated station at which farmer 1 may draw 1,000,000 of a line of 2,000,000."""
    folder.mkdir(parents=True, exist_ok=True)
    found = Station(folder)
    found.populate()
    found.centre.say(Down.LINE, status(line_id, 2_000_000, Movement.OPENED), found.at_ms)
    found.centre.say_lease(lease("le-1", line_id, 1_000_000))
    found.take_down()
    return found


def farmer(n: int, token: str, station: str = "kijani") -> Farmer:
    """Farmer ``n``, whose card carries a token."""
    return Farmer(f"f-{n}", f"Farmer {n}", "en", station, 4, sha256_hex(token.encode()))


def plot(n: int, area_m2: int = 10_000) -> Subject:
    """A hectare of maize of farmer ``n``."""
    return Subject(
        f"plot-{n}", SubjectKind.PLOT, f"f-{n}", f"Field {n}", crop="maize",
        season_id="2026-long-rains", sown_on="2026-03-22", area_m2=area_m2,
    )  # fmt: skip


def consent(
    consent_id: str,
    farmer_id: str,
    shown: str,
    purposes: tuple[str, ...] = ("automated_decision", "device_readings", "satellite_images"),
    action: ConsentAction = ConsentAction.GRANT,
) -> Consent:
    """A consent to purposes, with the hash of what was shown."""
    shown_sha256 = shown if len(shown) == 64 else sha256_hex(shown.encode())
    return Consent(
        consent_id, farmer_id, action, purposes, "lender", shown_sha256, spoken=False, helped=False
    )


def evidence(n: int, p10_kg_per_ha: int | None, stage: str = "vegetative") -> EvidenceDigest:
    """Evidence on farmer ``n``'s plot."""
    return EvidenceDigest(
        f"ev-{n}-{stage}", "ab" * 32, f"plot-{n}", "2026-05-20", stage, {}, p10_kg_per_ha,
        p10_kg_per_ha,
    )  # fmt: skip


def freeze(line_id: str, *, frozen: bool) -> Freeze:
    """Hold or release new draws on a line."""
    return Freeze(line_id, frozen, (Reason(ReasonCode.LIMIT_STALE_FROZEN, {"days": "50"}),))
