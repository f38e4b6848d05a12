"""The counter where tablets are served: every act of theirs, one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.errors import HarvestlineError, ShapeError
from core.lending.product import Product
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX, open_document, sign_document
from core.wire.fieldwork import CHAIN, HELLO, ChainEnd, Hello
from core.wire.modelfile import Model
from edge_node.decide import fieldwork as acts
from edge_node.decide.agent_area import FARMERS_AT_ONCE_MAX, area_of, scoring_inputs, told_of_area
from edge_node.decide.fieldwork import FieldDesk
from edge_node.decide.tablets import TabletDoor, TabletRefusedError
from edge_node.faces.kiosk.teller import Sources
from edge_node.faces.kiosk.words import LANGUAGES, Words
from edge_node.faces.tablet import payouts
from edge_node.faces.tablet.cargo import FieldCargo
from edge_node.faces.tablet.sessions import Sessions, text_of
from edge_node.keys import KeyRing
from edge_node.store import fieldwork, models, tablets, village
from edge_node.store.database import StationDatabase
from edge_node.store.outbox import trust_clock
from edge_node.store.tablets import Tablet

OPERATIONS_AT_ONCE_MAX = 50
STATES_AT_ONCE_MAX = 2_000
HELLO_BYTES_MAX = 2_048


@dataclass(frozen=True, slots=True)
class Counter:
    """What serves tablets.

    Parameters
    ----------
    field
        The desk that carries operations out.
    words
        Gives a language's words as the station speaks them now.
    station_key
        The station's public key in hexadecimal: a tablet holds acknowledgements against it.
    """

    db: StationDatabase
    field: FieldDesk
    sources: Sources
    sessions: Sessions
    entropy: Callable[[int], bytes]
    words: Callable[[str], Words]
    station_key: str
    turn: threading.Lock
    cargo: FieldCargo | None = None

    def enrol(self, body: Any) -> dict[str, Any]:
        """Let in a tablet with a one-time code and the public key that it made."""
        with self.turn:
            made = self._door().enrol(text_of(body, "code"), text_of(body, "public_key"))
            return self._told(made)

    def session(self, document: Any) -> dict[str, Any]:
        """A session for a tablet that signed the station's challenge, and how it stands."""
        hello = decode(Hello, document.get("body") if isinstance(document, dict) else None)
        self.sessions.require_fresh(hello.challenge)  # before anything costs more than a hash
        with self.turn:
            who = self._door().admit(hello.tablet_id, hands_in=True)
            ring = KeyRing.of_hex(who.public_key)
            open_document(canonical_bytes(document), HELLO, ring, HELLO_BYTES_MAX)
            self.sessions.use_up(hello.challenge)
            return {"token": self.sessions.begin(who.tablet_id, who.public_key), **self._told(who)}

    def area(self, authorization: str, known: str) -> dict[str, Any] | None:
        """All that the tablet may hold; None if it has it already."""
        with self.turn:
            who = self._who(authorization)
            desk, clock = self.field.desk, self._clock()
            area = area_of(self.db, desk.station, who)
            told = told_of_area(self.db, desk, area, clock)
            told |= {"products": self._products(), **self._model()}
        digest = sha256_hex(canonical_bytes(told))
        return None if digest == known else {"digest": digest, **told}

    def inputs(self, authorization: str, body: Any) -> dict[str, Any]:
        """The model's inputs for some farmers of the agent's area."""
        wanted = _texts(body, "farmer_ids", FARMERS_AT_ONCE_MAX)
        with self.turn:
            who, clock = self._who(authorization), self._clock()
            area = area_of(self.db, self.field.desk.station, who)
            found = [
                one
                for farmer in area.farmers
                if farmer.farmer_id in wanted
                for one in scoring_inputs(
                    self.db, self.field.desk, farmer, self.field.telemetry_of, clock
                )
            ]
        return {"inputs": found}

    def operations(self, authorization: str, body: Any) -> dict[str, Any]:
        """Take operations in order, up to the first that cannot be taken now.

        What was taken is acknowledged by the station's signature over the chain's end.
        """
        found = body.get("operations") if isinstance(body, dict) else None
        if not isinstance(found, list) or len(found) > OPERATIONS_AT_ONCE_MAX:
            raise ShapeError(f"expected a list of at most {OPERATIONS_AT_ONCE_MAX} operations")
        taken, stopped = [], {}
        for document in found:
            with self.turn:
                who = self._who(authorization, hands_in=True)
                try:
                    kept = acts.take(self.db, self.field, who, document, self._clock())
                except HarvestlineError as error:
                    stopped = {"code": error.code, "detail": str(error)}
                    break
                taken.append(kept.operation_id)
        with self.turn:
            who = self._who(authorization, hands_in=True)
            states = tablets.states_of(self.db, taken)
            return {"states": states, "chain": self._chain(who), "stopped": stopped}

    def held(self, authorization: str) -> dict[str, Any]:
        """The parts of leases that the tablet may draw, or has to give back."""
        with self.turn:
            return payouts.held(self.db, self.field.desk, self._who(authorization, hands_in=True))

    def room(self, authorization: str, body: Any) -> dict[str, Any]:
        """How much of a line may be taken along now."""
        with self.turn:
            who = self._who(authorization)
            return payouts.room(self.db, self.field.desk, who, body, self._clock())

    def take_along(self, authorization: str, body: Any) -> dict[str, Any]:
        """Sign a part of a line's lease for the tablet."""
        with self.turn:
            who = self._who(authorization)
            return payouts.take_along(self.db, self.field.desk, who, body, self._clock())

    def states(self, authorization: str, body: Any) -> dict[str, Any]:
        """How far operations have come, and the chain's end by the station's signature."""
        wanted = _texts(body, "operation_ids", STATES_AT_ONCE_MAX)
        with self.turn:
            who = self._who(authorization, hands_in=True)
            states = tablets.states_of(self.db, wanted)
            return {"states": states, "chain": self._chain(who)}

    def photo_state(self, authorization: str, sha256: str) -> dict[str, Any]:
        """How much of a photo is here."""
        with self.turn:
            self._who(authorization)
            return _told_photo(fieldwork.photo_state(self.db, sha256))

    def photo_part(
        self, authorization: str, sha256: str, start_byte: int, data: bytes
    ) -> dict[str, Any]:
        """Take a part of a photo."""
        with self.turn:
            who, part = self._who(authorization), (sha256, start_byte, data)
            room_bytes = self.field.photo_room_bytes
            return _told_photo(acts.take_part(self.db, who, part, self._clock(), room_bytes))

    def cargo_offered(self, authorization: str) -> dict[str, str]:
        """Where sealed letters may be carried now, if anywhere."""
        with self.turn:
            self._who(authorization)
        return self.cargo.offered() if self.cargo else {"url": "", "state": ""}

    def cargo_out(self, authorization: str) -> bytes:
        """Sealed letters for the centre."""
        with self.turn:
            self._who(authorization)
        if self.cargo is None:
            raise TabletRefusedError("expected a station whose letters are carried by tablets")
        return self.cargo.hand_out()

    def cargo_in(self, authorization: str, data: bytes) -> Mapping[str, Any]:
        """Take the centre's letters from a tablet."""
        with self.turn:
            self._who(authorization)
        if self.cargo is None:
            raise TabletRefusedError("expected a station whose letters are carried by tablets")
        return self.cargo.take_in(data)

    def _who(self, authorization: str, *, hands_in: bool = False) -> Tablet:
        tablet_id, key = self.sessions.whose(authorization)
        who = self._door().admit(tablet_id, hands_in=hands_in)
        if who.public_key != key:  # let in anew since: whoever held the old key is out
            raise TabletRefusedError("expected a session: sign the station's challenge again")
        return who

    def _door(self) -> TabletDoor:
        return TabletDoor(self.db, self.field.desk.station, self._clock(), self.entropy)

    def _clock(self) -> Any:
        return trust_clock(self.db, *self.sources.now())

    def _told(self, who: Tablet) -> dict[str, Any]:
        return {
            "tablet_id": who.tablet_id, "agent_id": who.agent_id, "agent_name": who.agent_name,
            "lease_until_ms": who.lease_until_ms, "station": self.field.desk.station,
            "station_key": self.station_key,
            "chain": self._chain(who), "now_ms": self._clock().at_ms,
            "error_ms": self._clock().error_ms,
        }  # fmt: skip

    def _chain(self, who: Tablet) -> Any:
        """The signed end of what was taken: by it a tablet may forget what it sent."""
        end = tablets.tail(self.db, who.public_key)
        body = ChainEnd(who.tablet_id, who.public_key, end.seq, end.head)
        signed = sign_document(CHAIN, encode(body), self.field.desk.signer)
        return parse_canonical(signed, DOCUMENT_BYTES_MAX)

    def _products(self) -> list[dict[str, Any]]:
        found = []
        for product_id in village.product_ids(self.db):
            one, purposes = village.product(self.db, product_id), self.field.purposes(product_id)
            found.append({
                "product_id": product_id, "name": one.name, "currency": one.currency,
                "crop": one.crop, "season_id": one.season_id, "pledge": one.kind.pledge,
                "step_minor": one.credit.draw_step_minor, "max_minor": one.credit.limit_max_minor,
                "purposes": list(purposes), "required": list(one.decision.purposes),
                "names": {
                    language: self.words(language).product(one.name) for language in LANGUAGES
                },
                "words": {
                    language: {each: self.words(language).purpose(each) for each in purposes}
                    for language in LANGUAGES
                },
                "shown_sha256": {
                    language: self.field.shown_sha256(product_id, language)
                    for language in LANGUAGES
                },
                **_own_cash(one),
            })  # fmt: skip
        return found

    def _features(self, language: str, model: Model) -> dict[str, str]:
        words = self.words(language)
        return {one.name: words.say(one.words) for one in model.features}

    def _model(self) -> dict[str, Any]:
        kept = models.current_model(self.db)
        if kept is None:
            return {}
        model = kept.model
        return {
            "model": {
                "sha256": kept.sha256, "version": model.version, "table": encode(model.table),
                "words": {one.name: one.words for one in model.features},
                "said": {language: self._features(language, model) for language in LANGUAGES},
            }
        }  # fmt: skip


def _own_cash(product: Product) -> dict[str, Any]:
    """Within what a farmer may bring cash months of their own, where they may."""
    if product.own_cash is None:
        return {}
    return {"own_cash": encode(product.own_cash), "due_on": product.due_on}


def _told_photo(state: fieldwork.PhotoState | None) -> dict[str, Any]:
    if state is None:
        raise TabletRefusedError("expected a photo of an operation that is at the station")
    return {"received_bytes": state.received_bytes, "whole": state.whole}


def _texts(body: Any, name: str, count_max: int) -> Sequence[str]:
    found = body.get(name) if isinstance(body, Mapping) else None
    if not isinstance(found, list) or len(found) > count_max:
        raise ShapeError(f"expected a list of at most {count_max} {name}")
    return [str(one) for one in found]
