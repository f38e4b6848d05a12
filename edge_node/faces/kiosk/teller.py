"""The teller: every act of the kiosk, for pages and for the JSON interface alike.

One connection, one act at a time. Whoever acts may touch only their own lines,
draws and cards: another's are not known here, in so many words.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from core.canonical import canonical_hash, sha256_hex
from core.decision.card import DecisionCard
from core.decision.quote import Quote
from core.lending.lease import Clock
from core.lending.product import Product
from core.lending.schedule import Due
from core.lending.terms import CashMonth
from core.reasons import Reason
from core.wire.fieldwork import require_id, shown_with_cash
from core.wire.newplans import PURPOSE as PLAN_PURPOSE
from core.wire.newplans import offer_sha256
from core.wire.records import AgreementLeft, Application, Consent, ConsentAction
from core.wire.registry import Farmer
from edge_node.decide import draws
from edge_node.decide.applications import LineAsk, apply_for_line
from edge_node.decide.consents import following, give_consent, granted, write_consent
from edge_node.decide.desk import Desk, RequestError
from edge_node.decide.draws import DrawAsk, PaidFor, Receipt
from edge_node.decide.leaving import LeaveAsk, WayOut, leave, way_out
from edge_node.decide.payments import payments_of_draw
from edge_node.decide.proxies import require_own_draw
from edge_node.decide.telemetry import TelemetryOf
from edge_node.faces.kiosk.changing import Told, changes_told
from edge_node.faces.kiosk.my_data import MyData, my_data
from edge_node.faces.kiosk.standing import LineStanding, Standing, line_standing, standing_of
from edge_node.faces.kiosk.words import NOT_KNOWN, Words, spoken
from edge_node.store import (
    consents,
    decisions,
    leases,
    leavings,
    lines,
    models,
    newplans,
    pictures,
    tongues,
    village,
)
from edge_node.store.database import StationDatabase
from edge_node.store.decisions import KeptCard
from edge_node.store.newplans import KeptOffer
from edge_node.store.outbox import trust_clock
from edge_node.store.village import UnknownRecordError

CARD_CHARACTERS_MAX = 200
DRAW_PURPOSE = "drawdown"
LENDER = "lender"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where time and identifiers come from: ``app.py``.

    ``now`` gives the clock's reading and its error [ms UTC, ms]; ``mint`` a UUIDv7.
    """

    now: Callable[[], tuple[int, int]]
    mint: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What a farmer agreed to on the screen, and how they were told."""

    shown_sha256: str
    purposes: tuple[str, ...] = ()
    language: str = "en"
    helped: bool = False
    spoken: bool = False
    helped_by: str = ""


@dataclass(frozen=True, slots=True)
class ApplicationForm:
    """An application as filled in; the id may come from the asker, to ask again safely.

    ``cash`` are the farmer's own months with money, where they told any.
    """

    product_id: str
    subject_ids: tuple[str, ...]
    asked_minor: int
    application_id: str = ""
    cash: tuple[CashMonth, ...] | None = None


@dataclass(frozen=True, slots=True)
class DrawForm:
    """A drawdown as filled in; the id may come from the asker, to ask again safely.

    ``supplier`` and ``goods`` are what a voucher pays for, empty for cash; ``drawn_by`` is
    the helper who draws in the farmer's place.
    """

    line_id: str
    amount_minor: int
    draw_id: str = ""
    supplier: str = ""
    goods: str = ""
    drawn_by: str = ""


@dataclass(frozen=True, slots=True)
class LeaveForm:
    """The end of an agreement; the id may come from the asker, to ask again safely."""

    line_id: str
    leaving_id: str = ""


class Teller:
    """Carries out what people ask at the kiosk."""

    def __init__(
        self, db: StationDatabase, desk: Desk, sources: Sources, telemetry_of: TelemetryOf
    ) -> None:
        self._db, self._desk, self._sources = db, desk, sources
        self._telemetry_of = telemetry_of
        self._turn = threading.RLock()

    def identify(self, card: str) -> Farmer | None:
        """Whose card this is; None if it is nobody's here."""
        token = card.strip()
        if not token or len(token) > CARD_CHARACTERS_MAX:
            return None
        with self._turn:
            digest = sha256_hex(token.encode(errors="surrogatepass"))
            return village.farmer_of_card(self._db, digest)

    def words(self, language: str) -> Words:
        """A language's words as the station speaks them now."""
        with self._turn:
            return spoken(self._db, language)

    def standing(self, farmer_id: str) -> Standing:
        """How the farmer stands."""
        with self._turn:
            return standing_of(self._db, self._desk, farmer_id, self._clock())

    def picture(self, farmer_id: str, sha256: str) -> tuple[str, bytes]:
        """The media type and bytes of a picture of the farmer's own ground.

        Raises
        ------
        UnknownRecordError
            If it is another's, or not here.
        """
        with self._turn:
            for subject in village.subjects_of(self._db, farmer_id):
                seen_id = subject.pasture_id or subject.subject_id
                for ref in pictures.of_subject(self._db, seen_id):
                    data = pictures.data_of(self._db, seen_id, sha256)
                    if ref.sha256 == sha256 and data is not None:
                        return ref.media_type, data
        raise UnknownRecordError(f"expected a picture of your own field, got {sha256[:64]!r}")

    def line(self, farmer_id: str, line_id: str) -> LineStanding:
        """How one of the farmer's lines stands."""
        with self._turn:
            self._own_line(farmer_id, line_id)
            return line_standing(self._db, self._desk, line_id, self._clock())

    def quote(self, farmer_id: str, line_id: str, amount_minor: int) -> Quote | Reason:
        """The whole price of a drawdown, or why there can be none."""
        with self._turn:
            self._own_line(farmer_id, line_id)
            return draws.quote_draw(self._db, self._desk, line_id, amount_minor, self._clock())

    def payments(self, farmer_id: str, line_id: str, price: Quote) -> tuple[Due, ...]:
        """Each payment of a drawdown at its price, with its day."""
        with self._turn:
            self._own_line(farmer_id, line_id)
            return payments_of_draw(self._db, line_id, price)

    def lenders(self, farmer_id: str, line_id: str) -> tuple[str, ...]:
        """Who lends a line together, the one that the farmer deals with first; or nobody else."""
        with self._turn:
            self._own_line(farmer_id, line_id)
            line = lines.line(self._db, line_id)
            return village.product(self._db, line.product_id).lenders or ()

    def begin_draw(self, farmer_id: str, form: DrawForm, agreed: Agreement) -> Receipt | Reason:
        """Commit a pending draw to whose price the farmer agreed."""
        with self._turn:
            self._own_line(farmer_id, form.line_id)
            consent = self._consent(farmer_id, agreed, (DRAW_PURPOSE,))
            draw_id = self.own_id(form.draw_id)
            pays = PaidFor(form.supplier, (form.goods,)) if form.supplier else None
            ask = DrawAsk(draw_id, form.line_id, form.amount_minor, consent, pays, form.drawn_by)
            return draws.begin(self._db, self._desk, ask, self._clock())

    def settle_draw(
        self, farmer_id: str, draw_id: str, *, paid_out: bool, helper_id: str = ""
    ) -> Receipt:
        """Post a pending draw, or void it; a helper's touch settles only what they began."""
        with self._turn:
            begun = self.draw(farmer_id, draw_id).drawdown
            if helper_id:
                asked = (farmer_id, helper_id, begun)
                require_own_draw(self._db, self._desk, asked, self._clock())
            settle = draws.confirm_payout if paid_out else draws.void
            return settle(self._db, self._desk, draw_id, self._clock())

    def draw(self, farmer_id: str, draw_id: str) -> Receipt:
        """A draw as it is committed."""
        with self._turn:
            kept = leases.draw(self._db, draw_id)
            if kept is None:
                raise UnknownRecordError(f"expected one of your draws, got {draw_id[:64]!r}")
            self._own_line(farmer_id, kept.drawdown.line_id)
            return draws.receipt(self._db, kept.drawdown)

    def apply(self, farmer_id: str, form: ApplicationForm, agreed: Agreement) -> KeptCard | Reason:
        """Decide an application for a line."""
        with self._turn:
            expected = self.consent_sha256(form.product_id, agreed.language, form.cash)
            if agreed.purposes and agreed.shown_sha256 != expected:
                raise RequestError("expected consent to the words that are shown, got to others")
            product = village.product(self._db, form.product_id)
            application = Application(
                application_id=self.own_id(form.application_id),
                farmer_id=farmer_id,
                product_id=form.product_id,
                subject_ids=tuple(sorted(set(form.subject_ids))),
                asked_minor=form.asked_minor,
                currency=product.currency,
                helped_by=agreed.helped_by or None,
                cash=form.cash,
            )
            consents = self._application_consents(farmer_id, agreed, product.product_id)
            mint = self._sources.mint
            ask = LineAsk(application, consents, mint(), mint())
            clock = self._clock()
            return apply_for_line(self._db, self._desk, ask, self._telemetry_of, clock)

    def withdraw(self, farmer_id: str, purposes: tuple[str, ...], language: str) -> tuple[str, ...]:
        """Take consents back; the purposes that are still consented to."""
        words = self.words(language)
        shown = canonical_hash({purpose: words.purpose(purpose) for purpose in purposes})
        with self._turn:
            if not purposes:
                return self.granted(farmer_id)
            agreed = Agreement(shown, purposes, language)
            consent = self._consent(farmer_id, agreed, purposes, ConsentAction.WITHDRAW)
            return give_consent(self._db, self._desk, consent, self._clock())

    def grant(
        self, farmer_id: str, name: str, language: str, *, helped: bool, helped_by: str = ""
    ) -> None:
        """Agree to one use of the farmer's data, outside an application."""
        words = self.words(language)
        shown = canonical_hash(
            {"language": words.language, "purposes": {name: words.purpose(name)}}
        )
        with self._turn:
            agreed = Agreement(shown, (name,), language, helped, helped_by=helped_by)
            consent = self._consent(farmer_id, agreed, (name,))
            give_consent(self._db, self._desk, consent, self._clock())

    def granted(self, farmer_id: str) -> tuple[str, ...]:
        """The purposes that a farmer consents to now."""
        with self._turn:
            return tuple(granted(self._db, self._desk, farmer_id))

    def my_data(self, farmer_id: str) -> MyData:
        """What of the farmer's data may be used, on which ground, and who looked at it."""
        with self._turn:
            return my_data(self._db, self._desk, farmer_id, self._clock())

    def new_plan(self, farmer_id: str, line_id: str) -> KeptOffer | None:
        """The plan that is proposed anew for one of the farmer's lines; None if there is none."""
        with self._turn:
            self._own_line(farmer_id, line_id)
            on = self._desk.today(self._clock()).isoformat()
            return newplans.open_of_line(self._db, line_id, on)

    def agree_to_plan(self, farmer_id: str, line_id: str, agreed: Agreement) -> bool:
        """Consent to the plan that is proposed, if it is the one that was shown."""
        with self._turn, self._db.atomic():
            found = self.new_plan(farmer_id, line_id)
            if found is None or offer_sha256(found.offer) != agreed.shown_sha256:
                return False
            if not found.consent_id:
                consent = self._consent(farmer_id, agreed, (PLAN_PURPOSE,))
                write_consent(self._db, self._desk, consent, self._clock())
                proposal_id = found.offer.proposal_id
                newplans.mark_consented(self._db, proposal_id, consent.consent_id)
            return True

    def way_out(self, farmer_id: str, line_id: str) -> WayOut | None:
        """How the farmer may end one of their agreements today; None if not."""
        with self._turn:
            self._own_line(farmer_id, line_id)
            line = lines.line(self._db, line_id)
            return way_out(self._db, self._desk, line, self._clock())

    def ways_out(self, farmer_id: str) -> dict[str, WayOut]:
        """Of each of the farmer's lines that may be ended today, how."""
        with self._turn:
            clock = self._clock()
            found = [
                way_out(self._db, self._desk, line, clock)
                for line in lines.lines_of(self._db, farmer_id)
            ]
            return {way.line_id: way for way in found if way is not None}

    def act(self, do: Callable[[StationDatabase, Desk, Clock], T]) -> T:
        """Carry out an act of another part of the kiosk, when it is its turn."""
        with self._turn:
            return do(self._db, self._desk, self._clock())

    def require_own(self, farmer_id: str, line_id: str) -> None:
        """Refuse a line that is not the farmer's own.

        Raises
        ------
        UnknownRecordError
            If it is another's, or none.
        """
        with self._turn:
            self._own_line(farmer_id, line_id)

    def consent_to_draw(self, farmer_id: str, agreed: Agreement) -> Consent:
        """The farmer's consent to a draw, as it is to be written down."""
        return self._consent(farmer_id, agreed, (DRAW_PURPOSE,))

    def leave(self, farmer_id: str, form: LeaveForm, agreed: Agreement) -> AgreementLeft | Reason:
        """End an agreement: an offer that is not wanted, or one that still cools."""
        with self._turn:
            self._own_line(farmer_id, form.line_id)
            leaving_id = self.own_id(form.leaving_id)
            ask = LeaveAsk(
                leaving_id, form.line_id, agreed.shown_sha256, agreed.spoken, agreed.helped
            )
            return leave(self._db, self._desk, ask, self._clock())

    def left(self, farmer_id: str, line_id: str) -> AgreementLeft:
        """How the farmer ended one of their agreements here."""
        with self._turn:
            self._own_line(farmer_id, line_id)
            found = leavings.of_line(self._db, line_id)
            if found is None:
                raise UnknownRecordError(f"expected a line that you ended, got {line_id[:64]!r}")
            return found

    def product(self, product_id: str) -> Product:
        """A product by its id."""
        with self._turn:
            return village.product(self._db, product_id)

    def purposes(self, product_id: str) -> tuple[str, ...]:
        """What a farmer is asked to consent to for a product: what must be, then what may."""
        with self._turn:
            must = village.product(self._db, product_id).decision.purposes
            model = models.current_model(self._db)
            used = {one.purpose for one in model.model.features} if model else set()
            return (*must, *sorted(used - {"", *must}))

    def consent_sha256(
        self, product_id: str, language: str, cash: tuple[CashMonth, ...] | None = None
    ) -> str:
        """The hash of the words that a consent page shows, with the farmer's own months."""
        words = self.words(language)
        shown = {purpose: words.purpose(purpose) for purpose in self.purposes(product_id)}
        told = canonical_hash({"language": words.language, "purposes": shown})
        return shown_with_cash(told, cash)

    def card(self, farmer_id: str, card_id: str) -> KeptCard:
        """A decision card of the farmer's."""
        with self._turn:
            kept = decisions.card(self._db, card_id)
            if kept.card.inputs.application.farmer_id != farmer_id:
                raise UnknownRecordError(f"expected one of your decisions, got {card_id[:64]!r}")
            return kept

    def feature_words(self, card: DecisionCard) -> dict[str, str]:
        """What each feature of a card's model is called when it cost points.

        What was missing is called that: no soil was too dry that nobody could measure.
        """
        with self._turn:
            kept = models.model_by_hash(self._db, card.inputs.model_sha256)
        missing = card.outcome.missing
        return {o.name: NOT_KNOWN if o.name in missing else o.words for o in kept.model.features}

    def changes(self, kept: KeptCard, words: Words) -> tuple[Told, ...]:
        """What together would have led to an approval; empty if nothing would."""
        with self._turn:
            return changes_told(self._db, kept, words)

    def mint(self) -> str:
        """An identifier for a form, so that sending it twice changes nothing."""
        return self._sources.mint()

    def own_id(self, asked: str) -> str:
        """The id that a form came with, if it can be one; a new one where it has none."""
        return require_id(asked, "an id") if asked else self._sources.mint()

    def today(self) -> date:
        """The civil day at the site as far as it is trusted."""
        return self.act(lambda _db, desk, clock: desk.accrual_day(clock))

    def tongue(self, farmer_id: str) -> str:
        """The language that a farmer chose here; empty if they never did."""
        return self.act(lambda db, _desk, _clock: tongues.of_farmer(db, farmer_id))

    def keep_tongue(self, farmer_id: str, language: str) -> None:
        """Speak to a farmer in this language from now on."""
        self.act(lambda db, _desk, _clock: tongues.keep(db, farmer_id, language))

    def _clock(self) -> Clock:
        return trust_clock(self._db, *self._sources.now())

    def _own_line(self, farmer_id: str, line_id: str) -> None:
        line = lines.find(self._db, line_id)
        if line is None or line.farmer_id != farmer_id:
            raise UnknownRecordError(f"expected one of your lines, got {line_id[:64]!r}")

    def _application_consents(
        self, farmer_id: str, agreed: Agreement, product_id: str
    ) -> tuple[Consent, ...]:
        known = set(self.purposes(product_id))
        asked = tuple(sorted(set(agreed.purposes)))
        if not set(asked) <= known:
            raise RequestError(f"expected purposes among {sorted(known)}, got {list(asked)}")
        return (self._consent(farmer_id, agreed, asked),) if asked else ()

    def _consent(
        self,
        farmer_id: str,
        agreed: Agreement,
        purposes: tuple[str, ...],
        action: ConsentAction = ConsentAction.GRANT,
    ) -> Consent:
        consent = Consent(
            consent_id=self._sources.mint(),
            farmer_id=farmer_id,
            action=action,
            purposes=purposes,
            recipient=LENDER,
            shown_sha256=agreed.shown_sha256,
            spoken=agreed.spoken,
            helped=agreed.helped,
            helped_by=agreed.helped_by or None,
        )
        if purposes in ((DRAW_PURPOSE,), (PLAN_PURPOSE,)):
            return consent  # to one price or plan; nothing that came before speaks of it
        known = consents.facts_of(self._db, self._desk.station, farmer_id)
        return following(consent, known, self._desk.station)
