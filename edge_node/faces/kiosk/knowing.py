"""Who is at the kiosk: a card, pictures, a helper's pictures, or an agent beside the farmer.

Waits after wrong pictures run on the clock that is never set, from the last wrong ones; after
a restart they begin again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from core.canonical import sha256_hex
from core.errors import HarvestlineError, ShapeError
from core.lending.lease import Clock
from core.wire.cash import CashPerson, CashRole, card_seed
from core.wire.proxies import Helper, KioskAct, KioskEvent
from edge_node.decide import pictures
from edge_node.decide.desk import Desk, RequestError
from edge_node.decide.pictures import FAILURES_MAX, SALT_BYTES, Choice
from edge_node.faces.kiosk.teller import Teller
from edge_node.faces.kiosk.visits import Proof, Visit, Visits
from edge_node.keys import StationSigner
from edge_node.store import cash, picture_codes, proxies
from edge_node.store.database import StationDatabase

MS_PER_S = 1000


class PicturesError(HarvestlineError):
    """A card's pictures are missing, wrong, or must wait."""

    code = "HL-EDGE-044"


class Answered(Enum):
    """What became of touched pictures."""

    KNOWN = "known"
    WRONG = "wrong"
    WAIT = "wait"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a card's pictures stand: whether any were chosen, the wait [s], whether locked."""

    chosen: bool
    wait_s: int
    locked: bool


class Knowing:
    """Knows people by their pictures, and agents by their cards."""

    def __init__(self, teller: Teller, visits: Visits) -> None:
        self._teller, self._visits = teller, visits
        self._failed_ms: dict[str, int] = {}

    def standing(self, farmer_id: str) -> Standing:
        """How a card's pictures stand now."""
        return self._teller.act(lambda db, _desk, _clock: self._standing(db, farmer_id))

    def helpers(self, farmer_id: str) -> tuple[Helper, ...]:
        """Who may act for a farmer today."""
        return self._teller.act(
            lambda db, desk, clock: proxies.live(db, farmer_id, desk.today(clock).isoformat())
        )

    def helper_name(self, farmer_id: str, helper_id: str) -> str:
        """A helper's name, whether they may still act or not; empty if nobody's."""
        known = self._teller.act(lambda db, _desk, _clock: proxies.of_farmer(db, farmer_id))
        return next((each.name for each in known if each.helper_id == helper_id), "")

    def answer(self, cookie: str, visit: Visit, touched: Sequence[str]) -> Answered:
        """Let a visit go on if the pictures are the farmer's or a helper's."""

        def act(db: StationDatabase, desk: Desk, clock: Clock) -> tuple[Answered, str]:
            return self._answer(db, desk, (visit.farmer_id, touched), clock)

        answered, helper_id = self._teller.act(act)
        if answered is Answered.KNOWN:
            self._visits.prove(cookie, Proof.PICTURES, helper_id)
        return answered

    def require(self, farmer_id: str, touched: Sequence[str]) -> tuple[Proof, str]:
        """By what a card with these pictures is known, and the helper whose they are.

        Raises
        ------
        PicturesError
            If they are missing, wrong, or must wait.
        """
        if not self.standing(farmer_id).chosen:
            return Proof.CARD, ""
        answered, helper_id = self._teller.act(
            lambda db, desk, clock: self._answer(db, desk, (farmer_id, touched), clock)
        )
        if answered is not Answered.KNOWN:
            raise PicturesError(f"expected this card's pictures: {answered.value}")
        return Proof.PICTURES, helper_id

    def choose(self, visit: Visit, touched: Sequence[str], helper_id: str = "") -> bool:
        """Let pictures count from now on; False if another of this card has the same.

        Raises
        ------
        RequestError
            If they are no sequence, too plain, or not for this helper.
        """
        salt, event_id = self._visits.fresh(SALT_BYTES), self._teller.mint()
        agent_id = visit.with_whom if visit.proof is Proof.AGENT else ""
        if helper_id and helper_id not in {e.helper_id for e in self.helpers(visit.farmer_id)}:
            raise RequestError("expected one of your helpers")
        choice = Choice(event_id, visit.farmer_id, tuple(touched), salt, helper_id, agent_id)
        done = self._teller.act(lambda db, desk, clock: pictures.choose(db, desk, choice, clock))
        if done:
            self._failed_ms.pop(visit.farmer_id, None)
        return done

    def agent(self, card: str) -> CashPerson | None:
        """Whose card an agent holds to the reader; None if it is no agent's here."""
        token = card.strip()
        try:
            public_key = StationSigner(card_seed(token)).public_key.hex()
        except ShapeError:
            return None
        card_sha256 = sha256_hex(token.encode())
        known = self._teller.act(
            lambda db, desk, _clock: cash.person_of_card(db, desk.station, card_sha256)
        )
        is_agent = known is not None and known.role is CashRole.AGENT
        return known if known and is_agent and known.public_key == public_key else None

    def vouch(self, cookie: str, visit: Visit, agent: CashPerson) -> None:
        """Let a visit go on because an agent says who the farmer is; it is recorded."""
        event_id = self._teller.mint()
        event = KioskEvent(event_id, visit.farmer_id, KioskAct.AGENT_KNEW, agent.person_id)

        def act(db: StationDatabase, desk: Desk, clock: Clock) -> None:
            with db.atomic():
                pictures.write_event(db, desk, event, clock)

        self._teller.act(act)
        self._visits.prove(cookie, Proof.AGENT, agent_id=agent.person_id)

    def _standing(self, db: StationDatabase, farmer_id: str) -> Standing:
        chosen = bool(picture_codes.of_farmer(db, farmer_id))
        count = picture_codes.failures_count(db, farmer_id)
        wait_ms = pictures.wait_s(count) * MS_PER_S
        now_ms = self._visits.elapsed_ms()
        since_ms = self._failed_ms.setdefault(farmer_id, now_ms) if wait_ms else now_ms
        left_ms = max(0, since_ms + wait_ms - now_ms)
        return Standing(chosen, -(-left_ms // MS_PER_S), count >= FAILURES_MAX)

    def _answer(
        self, db: StationDatabase, desk: Desk, asked: tuple[str, Sequence[str]], clock: Clock
    ) -> tuple[Answered, str]:
        farmer_id, touched = asked
        stands = self._standing(db, farmer_id)
        if stands.locked:
            return Answered.LOCKED, ""
        if stands.wait_s:
            return Answered.WAIT, ""
        live = proxies.live(db, farmer_id, desk.today(clock).isoformat())
        found = self._whose(db, farmer_id, touched, [each.helper_id for each in live])
        if found is not None:
            if not found:  # a helper's own would let them guess the farmer's for ever
                pictures.forgive(db, farmer_id)
                self._failed_ms.pop(farmer_id, None)
            return Answered.KNOWN, found
        self._failed_ms[farmer_id] = self._visits.elapsed_ms()
        count = pictures.fail(db, desk, farmer_id, self._teller.mint(), clock)
        return (Answered.LOCKED if count >= FAILURES_MAX else Answered.WRONG), ""

    @staticmethod
    def _whose(
        db: StationDatabase, farmer_id: str, touched: Sequence[str], live: Sequence[str]
    ) -> str | None:
        try:
            return pictures.whose(db, farmer_id, touched, live)
        except RequestError:
            return None  # not even a sequence: as wrong as any other
