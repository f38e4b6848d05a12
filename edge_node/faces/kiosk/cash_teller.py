"""The cash desk: every act of an agent on the lender's cash at this station.

A card's secret is never kept: what follows from it, its signing key, is held in memory for
one agent while their visit lasts. One connection, one act at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from core.canonical import sha256_hex
from core.errors import ShapeError
from core.lending.account import Amounts
from core.lending.cashbox import Box, CountKind, DifferenceReason
from core.lending.lease import Clock
from core.units import minor_digits
from core.wire.cash import CashPerson, CashRole, Pieces, card_seed
from core.wire.registry import Farmer
from edge_node.decide import cash as acts
from edge_node.decide.cash import CashRefusedError, Counted, Given, Holder
from edge_node.decide.debt import debt, priced
from edge_node.decide.desk import Desk
from edge_node.decide.room import uncounted_draws, uncounted_repayments
from edge_node.faces.kiosk.drawings import note_values
from edge_node.faces.kiosk.teller import Sources
from edge_node.faces.kiosk.words import Words, spoken
from edge_node.keys import StationSigner
from edge_node.store import cash, lines, village
from edge_node.store.cash import KeptMove
from edge_node.store.database import StationDatabase
from edge_node.store.outbox import trust_clock

MOVES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class DeskStanding:
    """What an agent sees: whose turn it is, what should be in their box, what moved it."""

    person: CashPerson
    box: Box
    has_desk: bool
    other: str
    reserved_minor: int
    moves: tuple[KeptMove, ...]

    @property
    def is_full(self) -> bool:
        """Whether the box holds more than it may: cash is to go back to the safe."""
        agent = self.person.role is CashRole.AGENT
        return agent and self.box.expected_minor > self.person.hold_max_minor


@dataclass(frozen=True, slots=True)
class Owing:
    """A line of a farmer and what is owed on it now."""

    line_id: str
    product_name: str
    currency: str
    owed: Amounts


class CashTeller:
    """Carries out what agents do with the lender's cash."""

    def __init__(self, db: StationDatabase, desk: Desk, sources: Sources) -> None:
        self._db, self._desk, self._sources = db, desk, sources
        self._turn = threading.RLock()
        self._signers: dict[str, StationSigner] = {}

    def words(self, language: str) -> Words:
        """A language's words as the station speaks them now."""
        with self._turn:
            return spoken(self._db, language)

    def identify(self, card: str) -> CashPerson | None:
        """Whose card it is; from now on they sign with it, until they leave."""
        with self._turn:
            holder = self._holder(card)
            if holder is None:
                return None
            person, signer = holder
            self._signers[person.person_id] = signer
            return person

    def leave(self, person_id: str) -> None:
        """Forget what a person signs with."""
        with self._turn:
            self._signers.pop(person_id, None)

    def standing(self, person_id: str) -> DeskStanding:
        """What the desk looks like to a person."""
        with self._turn:
            person = cash.person(self._db, self._desk.station, person_id)
            shift = cash.open_shift(self._db)
            mine = shift is not None and shift.person_id == person_id
            others = shift.person_id if shift is not None and not mine else ""
            known = [e.name for e in cash.people(self._db, "") if e.person_id == others]
            return DeskStanding(
                person=person,
                box=acts.box_today(self._db, self._desk, person_id, self._clock()),
                has_desk=mine,
                other=known[0] if known else others,
                reserved_minor=cash.reserved_minor(self._db, person_id),
                moves=cash.moves_of(self._db, person_id, MOVES_SHOWN),
            )

    def values(self, currency: str) -> tuple[int, ...]:
        """The notes and coins that a count asks for, largest first [minor units]."""
        return note_values(currency)

    def count(
        self,
        person_id: str,
        count_id: str,
        said: tuple[CountKind, Sequence[Pieces], DifferenceReason | None],
    ) -> int:
        """Count a box; by what it differed [minor units]."""
        kind, pieces, reason = said
        with self._turn:
            found = Counted(count_id, kind, tuple(pieces), reason)
            holder = self._known_holder(person_id)
            done = acts.count(self._db, self._desk, holder, found, self._clock())
            return done.count.difference_minor

    def hand_over(
        self, person_id: str, other_card: str, given: Given, *, gives: bool
    ) -> CashPerson:
        """Give cash to, or take it from, whoever's card is held to the reader; who that is."""
        with self._turn:
            found = self._holder(other_card)
            if found is None:
                raise CashRefusedError("expected the card of another who may hold cash here")
            mine, other = self._known_holder(person_id), Holder(*found)
            hands = (mine, other) if gives else (other, mine)
            acts.hand_over(self._db, self._desk, hands, given, self._clock())
            return other.person

    def owing(self, card: str) -> tuple[Farmer, tuple[Owing, ...]] | None:
        """Whose farmer's card it is, and what they owe; None if it is nobody's."""
        with self._turn:
            farmer = village.farmer_of_card(self._db, sha256_hex(card.strip().encode()))
            if farmer is None:
                return None
            return farmer, self._owing(farmer.farmer_id)

    def take_repayment(
        self, person_id: str, repayment_id: str, line_id: str, amount_minor: int
    ) -> Owing:
        """Take a repayment in cash; what is owed then."""
        with self._turn:
            holder, paid = self._known_holder(person_id), (repayment_id, line_id, amount_minor)
            acts.take_repayment(self._db, self._desk, holder, paid, self._clock())
            return self._owing_on(line_id)

    def owed_before(self, repayment_id: str, line_id: str) -> Owing | None:
        """What is owed on a line before a repayment; None if that one is taken already."""
        with self._turn:
            if cash.find_move(self._db, repayment_id) is not None:
                return None
            return self._owing_on(line_id)

    def mint(self) -> str:
        """An identifier for a form, so that sending it twice changes nothing."""
        return self._sources.mint()

    def _owing_on(self, line_id: str) -> Owing:
        farmer_id = lines.line(self._db, line_id).farmer_id
        return next(e for e in self._owing(farmer_id) if e.line_id == line_id)

    def _owing(self, farmer_id: str) -> tuple[Owing, ...]:
        on = self._desk.accrual_day(self._clock())
        found = []
        for line in lines.lines_of(self._db, farmer_id):
            product = priced(line, village.product(self._db, line.product_id))
            drawn, paid = uncounted_draws(self._db, line), uncounted_repayments(self._db, line)
            owed = debt(line, drawn, product, on, paid).owed
            found.append(Owing(line.line_id, product.name, product.currency, owed))
        return tuple(found)

    def _holder(self, card: str) -> tuple[CashPerson, StationSigner] | None:
        token = card.strip()
        try:
            signer = StationSigner(card_seed(token))
        except ShapeError:
            return None
        known = cash.person_of_card(self._db, self._desk.station, sha256_hex(token.encode()))
        if known is None or known.public_key != signer.public_key.hex():
            return None
        return known, signer

    def _known_holder(self, person_id: str) -> Holder:
        person = cash.person(self._db, self._desk.station, person_id)
        signer = self._signers.get(person_id)
        if signer is None or not person.active or signer.public_key.hex() != person.public_key:
            raise CashRefusedError("expected the card of this visit: hold it to the reader again")
        return Holder(person, signer)

    def _clock(self) -> Clock:
        return trust_clock(self._db, *self._sources.now())


def to_minor(whole: int, currency: str) -> int:
    """An amount in whole units of a currency [minor units]."""
    return int(whole * 10 ** minor_digits(currency))
