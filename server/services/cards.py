"""Decision cards: verified, replayed against the model and product that they name.

A card that does not replay is kept and flagged, never dropped: it is evidence of
what a station did.
"""

from __future__ import annotations

from collections.abc import Iterable

from core.canonical import canonical_bytes, parse_canonical, sha256_hex
from core.decision.card import CARD, DecisionCard, replay
from core.decision.policy import ASKED_DAYS
from core.errors import HarvestlineError, ReplayMismatchError, SignatureError
from core.reasons import Reason, ReasonCode
from core.shape import decode, encode
from core.signing import DOCUMENT_BYTES_MAX, open_document
from core.units import MS_PER_DAY
from core.wire.consents import granted_names
from core.wire.modelfile import Model
from core.wire.personal_data import Recipient
from core.wire.records import ConsentAction
from server.keys import KeyRing
from server.services.centre import Work
from server.store import models, products, reports
from server.store.engine import Tx
from server.store.reports import KeptDecision, Replay
from server.words import known
from server.words import reason as sentence


def take_card(
    work: Work, document: bytes, writer: str, public_keys: Iterable[str], at_ms: int
) -> KeptDecision:
    """Keep a card with what its replay gave; the same card again changes nothing.

    Raises
    ------
    HarvestlineError
        If it is so damaged that it holds no card.
    """
    body = parse_canonical(document, DOCUMENT_BYTES_MAX).get("body")
    card = decode(DecisionCard, body)
    outcome, detail = judge_card(work.tx, document, public_keys)
    kept = KeptDecision(
        card_id=card.card_id,
        application_id=card.inputs.application.application_id,
        farmer_id=card.inputs.application.farmer_id,
        product_id=card.inputs.application.product_id,
        writer=writer,
        verdict=card.outcome.verdict.value,
        score=card.outcome.score,
        pd_ppm=card.outcome.pd_ppm,
        amount_minor=card.outcome.amount_minor,
        currency=card.inputs.application.currency,
        model_sha256=card.inputs.model_sha256,
        policy_version=card.inputs.policy_version,
        document_sha256=sha256_hex(document),
        document=document,
        replay=outcome,
        replay_detail=detail,
        at_ms=at_ms,
    )
    reports.add_decision(work.tx, kept)
    return kept


def fault_of_purposes(work: Work, document: bytes) -> str:
    """Whether a card claims purposes that the consents it names did not grant."""
    card = decode(DecisionCard, parse_canonical(document, DOCUMENT_BYTES_MAX)["body"])
    farmer_id = card.inputs.application.farmer_id
    known = reports.consents_of(work.tx, farmer_id)
    given = {
        kept.consent.consent_id: kept
        for kept in known
        if kept.consent.action is ConsentAction.GRANT
    }
    missing = sorted(set(card.inputs.consent_ids) - set(given))
    named = [given[each].fact for each in card.inputs.consent_ids if each in given]
    granted = set(granted_names(named, farmer_id, Recipient.STATION.value))
    beyond = sorted(set(card.inputs.purposes) - granted)
    if not missing and not beyond:
        return ""
    told = f"consents that are not here: {', '.join(missing)}" if missing else ""
    more = f"purposes that no consent of it grants: {', '.join(beyond)}" if beyond else ""
    return f"card {card.card_id}: {'; '.join(each for each in (told, more) if each)}"


def fault_of_asking(work: Work, document: bytes) -> str:
    """Whether a card says that the farmer asked its station less often than the centre heard."""
    card = decode(DecisionCard, parse_canonical(document, DOCUMENT_BYTES_MAX)["body"])
    application, at_ms = card.inputs.application, card.inputs.decided_at_ms
    first_ms = at_ms - (ASKED_DAYS - 1) * MS_PER_DAY  # a day of either zone may be cut off
    who = (card.inputs.station, application.farmer_id, application.product_id)
    heard = reports.refusals_count(work.tx, who, (first_ms, at_ms))
    said = card.inputs.asked_before or 0
    if said >= heard:
        return ""
    return f"card {card.card_id}: says {said} earlier applications, {heard} are here"


def judge_card(tx: Tx, document: bytes, public_keys: Iterable[str]) -> tuple[Replay, str]:
    """Whether a card's signature holds and its inputs lead to its outcome again."""
    try:
        signed = open_document(document, CARD, KeyRing(public_keys))
    except SignatureError as error:
        return Replay.BAD_SIGNATURE, str(error)
    card = decode(DecisionCard, signed.body)
    if canonical_bytes(signed.body) != canonical_bytes(encode(card)):
        return Replay.DIFFERS, "the card carries fields that its replay does not give"
    return _replayed(tx, card)


def _replayed(tx: Tx, card: DecisionCard) -> tuple[Replay, str]:
    model = models.known(tx, card.inputs.model_sha256)
    if model is None:
        return Replay.UNKNOWN_MODEL, f"no model {card.inputs.model_sha256[:16]}… is registered"
    product = products.by_policy(tx, card.inputs.policy_version)
    if product is None:
        return Replay.UNKNOWN_POLICY, f"no product is {card.inputs.policy_version}"
    try:
        replay(card, read_model(model.document), model.sha256, product)
    except ReplayMismatchError as error:
        return Replay.DIFFERS, str(error)
    except (HarvestlineError, ValueError) as error:
        # A value that is none, such as a day: the station wrote it, and it must not stop its log.
        return Replay.UNREADABLE, str(error)
    return Replay.SAME, ""


def read_model(document: bytes) -> Model:
    """The model in a signed model file that was verified when it was registered."""
    return decode(Model, parse_canonical(document, DOCUMENT_BYTES_MAX)["body"])


def model_of(tx: Tx, card: DecisionCard) -> Model | None:
    """The model that a card names, if it is registered here."""
    found = models.known(tx, card.inputs.model_sha256)
    return read_model(found.document) if found else None


def reason_words(reason: Reason, model: Model | None) -> str:
    """A reason's sentence; the model's own reasons in the words of their features."""
    if reason.code is ReasonCode.FEATURE and model is not None:
        told = {definition.name: definition.words for definition in model.features}
        if reason.params["feature"] in told:
            return known(told[reason.params["feature"]])
    return sentence(reason)
