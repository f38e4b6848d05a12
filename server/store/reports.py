"""What stations report, as it came: applications, decisions, consents, features, readings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.sql import ColumnElement

from core.scoring.features import DailyFeature
from core.shape import decode, encode
from core.wire.consents import CACHED_MAX, KnownConsent, granted_names
from core.wire.personal_data import Recipient
from core.wire.records import Application, Consent, ConsentAction
from server.store.bulk import among
from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.rows import from_json, json_text, read_as
from server.store.tables import applications, consents, daily_features, decisions, telemetry

_ACTIONS = {each.value: each for each in ConsentAction}
_OPTIONAL = ("classes", "recipients", "follows")  # of a consent; an empty text where absent


class Replay(Enum):
    """Whether a decision card led to its own outcome again at the centre."""

    SAME = "same"
    DIFFERS = "differs"
    UNKNOWN_MODEL = "unknown_model"
    UNKNOWN_POLICY = "unknown_policy"
    BAD_SIGNATURE = "bad_signature"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class KeptApplication:
    """An application and where it was written."""

    application: Application
    writer: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class KeptDecision:
    """A decision card with its signed bytes, and whether it replayed."""

    card_id: str
    application_id: str
    farmer_id: str
    product_id: str
    writer: str
    verdict: str
    score: int
    pd_ppm: int
    amount_minor: int
    currency: str
    model_sha256: str
    policy_version: str
    document_sha256: str
    document: bytes
    replay: Replay
    replay_detail: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class KeptConsent:
    """A consent given or taken back, and where and when it was written."""

    consent: Consent
    writer: str
    at_ms: int
    error_ms: int
    received_at_ms: int = 0

    @property
    def fact(self) -> KnownConsent:
        """The consent as the rule takes it."""
        return KnownConsent(self.consent, self.writer, self.at_ms, self.error_ms)


@dataclass(frozen=True, slots=True)
class KeptReadings:
    """A device's signed telemetry document, verbatim; ``verified`` is of its signature."""

    sha256: str
    device_id: str
    epoch: str
    first_seq: int
    last_seq: int
    writer: str
    at_ms: int
    verified: bool
    document: bytes


@dataclass(frozen=True, slots=True)
class ReportedFeature:
    """A day's feature and the record of a station's features log that told it."""

    feature: DailyFeature
    writer: str
    seq: int

    @property
    def record_id(self) -> str:
        """What names that record as evidence: its hash commits to the whole log before it."""
        return f"{self.writer}/features/{self.seq}"


def add_application(tx: Tx, kept: KeptApplication) -> bool:
    """Add an application; False if its id is known."""
    body = encode(kept.application)
    body["subject_ids"] = json_text(kept.application.subject_ids)
    body["cash"] = json_text(kept.application.cash) if kept.application.cash else ""
    return tx.insert_new(applications, **body, writer=kept.writer, at_ms=kept.at_ms)


def find_application(tx: Tx, application_id: str) -> KeptApplication | None:
    """The application with that id, if it is known."""
    where = (
        applications.c.tenant_id == tx.tenant_id,
        applications.c.application_id == application_id,
    )
    row = tx.row(select(applications).where(*where))
    return read_kept(row) if row else None


def applications_of(tx: Tx, farmer_id: str) -> tuple[KeptApplication, ...]:
    """A farmer's applications, newest first."""
    rows = tx.find_rows(applications, "-at_ms", "application_id", farmer_id=farmer_id)
    return tuple(read_kept(row) for row in rows)


def every_application(tx: Tx) -> tuple[KeptApplication, ...]:
    """All applications, newest first."""
    question = select(applications).where(applications.c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(applications.c.at_ms.desc(), applications.c.application_id))
    return tuple(read_kept(row) for row in rows)


def read_kept(row: Mapping[str, Any]) -> KeptApplication:
    """A row of the table as an application."""
    body = {**row, "subject_ids": from_json(row["subject_ids"])}
    cash = body.pop("cash")
    if cash:
        body["cash"] = from_json(cash)
    return KeptApplication(decode(Application, body), row["writer"], row["at_ms"])


def add_decision(tx: Tx, kept: KeptDecision) -> bool:
    """Add a card; False if its id is known."""
    return tx.insert_new(decisions, **{**encode(kept), "document": kept.document})


def find_decision(tx: Tx, card_id: str) -> KeptDecision | None:
    """The card with that id, if it is known."""
    where = (decisions.c.tenant_id == tx.tenant_id, decisions.c.card_id == card_id)
    row = tx.row(select(decisions).where(*where))
    return read_decision(row) if row else None


def decision(tx: Tx, card_id: str) -> KeptDecision:
    """The card with that id.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    found = find_decision(tx, card_id)
    if found is None:
        raise NotKnownError(f"expected a decision card, got {card_id!r}")
    return found


def decisions_of(tx: Tx, application_id: str) -> tuple[KeptDecision, ...]:
    """An application's cards, oldest first."""
    where = (
        decisions.c.tenant_id == tx.tenant_id,
        decisions.c.application_id == application_id,
    )
    rows = tx.rows(select(decisions).where(*where).order_by(decisions.c.at_ms, decisions.c.card_id))
    return tuple(read_decision(row) for row in rows)


def refusals_count(tx: Tx, who: tuple[str, str, str], during_ms: tuple[int, int]) -> int:
    """How often a farmer asked a station for a product and was not given it, until before then."""
    writer, farmer_id, product_id = who
    c = decisions.c
    where = (
        c.tenant_id == tx.tenant_id, c.writer == writer, c.farmer_id == farmer_id,
        c.product_id == product_id,
        c.verdict != "approve", c.at_ms >= during_ms[0], c.at_ms < during_ms[1],
    )  # fmt: skip
    return int(tx.scalar(select(func.count()).select_from(decisions).where(*where)) or 0)


def every_decision(tx: Tx) -> tuple[KeptDecision, ...]:
    """All cards, newest first."""
    question = select(decisions).where(decisions.c.tenant_id == tx.tenant_id)
    rows = tx.rows(question.order_by(decisions.c.at_ms.desc(), decisions.c.card_id))
    return tuple(read_decision(row) for row in rows)


def stream_decisions(tx: Tx) -> Iterator[KeptDecision]:
    """All cards by id, read one by one."""
    question = select(decisions).where(decisions.c.tenant_id == tx.tenant_id)
    for row in tx.stream(question.order_by(decisions.c.card_id), 200):
        yield read_decision(row)


def read_decision(row: Mapping[str, Any]) -> KeptDecision:
    """A row of the table as a card."""
    return read_as(KeptDecision, {**row, "replay": Replay(row["replay"])})


def add_consent(tx: Tx, kept: KeptConsent) -> bool:
    """Add a consent; False if its id is known.

    It takes its place after what the same writer wrote before of the same farmer: a
    station's clock that was set back must not undo a withdrawal. Nor is it later than its
    arrival: a clock that runs ahead must not put a grant beyond what comes after it. The
    record of the station's log keeps the time as it was told.

    Raises
    ------
    ConflictError
        If the id belongs to a consent with other content.
    """
    body = encode(kept.consent)
    for name in ("purposes", *_OPTIONAL):
        value = getattr(kept.consent, name)
        body[name] = "" if value is None else json_text(value)
    known = tx.row(select(consents).where(*_mine(tx), consents.c.consent_id == body["consent_id"]))
    if known is not None:
        if _consent(known).consent != kept.consent:
            raise ConflictError(f"consent {body['consent_id']} exists with other content")
        return False
    told_ms = min(kept.at_ms, kept.received_at_ms) if kept.received_at_ms else kept.at_ms
    where = (
        *_mine(tx),
        consents.c.farmer_id == kept.consent.farmer_id,
        consents.c.writer == kept.writer,
    )
    last_ms = tx.scalar(select(func.max(consents.c.at_ms)).where(*where))
    at_ms = told_ms if last_ms is None else max(told_ms, last_ms + 1)
    stamps = {"at_ms": at_ms, "error_ms": kept.error_ms, "received_at_ms": kept.received_at_ms}
    return tx.insert_new(consents, **body, writer=kept.writer, **stamps)


def consents_of(tx: Tx, farmer_id: str) -> tuple[KeptConsent, ...]:
    """A farmer's consents, oldest first."""

    def ask() -> tuple[KeptConsent, ...]:
        rows = tx.find_rows(consents, "at_ms", "consent_id", farmer_id=farmer_id)
        return tuple(_consent(row) for row in rows)

    return tx.recall(consents, ("of", farmer_id), ask)


def learn_consents(tx: Tx, farmer_ids: Sequence[str]) -> None:
    """Remember the consents of many farmers, read at once."""
    found: dict[str, list[KeptConsent]] = {each: [] for each in farmer_ids}
    where = (*_mine(tx), among(tx, consents.c.farmer_id, farmer_ids))
    placed = (consents.c.at_ms, consents.c.consent_id)
    for row in tx.rows(select(consents).where(*where).order_by(*placed)):
        found[row["farmer_id"]].append(_consent(row))
    tx.learn_all(consents, {("of", farmer_id): tuple(each) for farmer_id, each in found.items()})


def facts_of(tx: Tx, farmer_id: str) -> tuple[KnownConsent, ...]:
    """A farmer's consents as the rule takes them."""
    return tuple(kept.fact for kept in consents_of(tx, farmer_id))


def granted_purposes(tx: Tx, farmer_id: str) -> dict[str, str]:
    """The names that stand granted to the lender, each with a consent that grants it."""
    given = granted_names(facts_of(tx, farmer_id), farmer_id, Recipient.LENDER.value)
    return {name: ids[0] for name, ids in given.items()}


def _mine(tx: Tx) -> tuple[ColumnElement[bool], ...]:
    return (consents.c.tenant_id == tx.tenant_id,)


def _consent(row: Mapping[str, Any]) -> KeptConsent:
    # As it was checked when it was taken in; a book has a million of them.
    consent = Consent(
        row["consent_id"], row["farmer_id"], _ACTIONS[row["action"]], _names(row["purposes"]) or (),
        row["recipient"], row["shown_sha256"], row["spoken"], row["helped"],
        _names(row["classes"]), _names(row["recipients"]), _names(row["follows"]),
    )  # fmt: skip
    return KeptConsent(consent, row["writer"], row["at_ms"], row["error_ms"], row["received_at_ms"])


@lru_cache(maxsize=CACHED_MAX)
def _names(text: str) -> tuple[str, ...] | None:
    return tuple(from_json(text)) if text else None


def put_feature(tx: Tx, feature: DailyFeature, writer: str, seq: int) -> None:
    """Take a day's feature; a later one of the same day stands in its place."""
    tx.upsert(daily_features, **encode(feature), writer=writer, seq=seq)


def features_of(tx: Tx, subject_id: str, feature: str = "") -> tuple[DailyFeature, ...]:
    """A subject's daily features, by day."""
    question = select(daily_features).where(
        daily_features.c.tenant_id == tx.tenant_id, daily_features.c.subject_id == subject_id
    )
    if feature:
        question = question.where(daily_features.c.feature == feature)
    rows = tx.rows(question.order_by(daily_features.c.day, daily_features.c.feature))
    return tuple(decode(DailyFeature, row) for row in rows)


def has_feature(tx: Tx, subject_id: str, feature: str) -> bool:
    """Whether anything was ever reported of a feature of a subject."""
    where = (
        daily_features.c.tenant_id == tx.tenant_id,
        daily_features.c.subject_id == subject_id,
        daily_features.c.feature == feature,
    )
    return tx.scalar(select(daily_features.c.day).where(*where).limit(1)) is not None


def latest_feature(tx: Tx, subject_id: str, feature: str, upto: str) -> DailyFeature | None:
    """The newest day's value of a feature, up to a day."""

    def ask() -> DailyFeature | None:
        where = (
            daily_features.c.tenant_id == tx.tenant_id,
            daily_features.c.subject_id == subject_id,
            daily_features.c.feature == feature,
            daily_features.c.day <= upto,
        )
        row = tx.row(select(daily_features).where(*where).order_by(daily_features.c.day.desc()))
        return decode(DailyFeature, row) if row else None

    return tx.recall(daily_features, ("latest", subject_id, feature, upto), ask)


def learn_features(tx: Tx, subject_ids: Sequence[str], feature: str, days: tuple[str, int]) -> None:
    """Remember of many subjects the newest value up to a day, and the best of the days before.

    Parameters
    ----------
    days
        The last day, and how many up to a subject's newest are looked at [days].
    """
    (upto, count), c = days, daily_features.c
    which = among(tx, c.subject_id, subject_ids)
    mine = (c.tenant_id == tx.tenant_id, c.feature == feature, c.day <= upto, which)
    last_day = func.max(c.day).label("newest")
    newest = {
        row["subject_id"]: row["newest"]
        for row in tx.rows(select(c.subject_id, last_day).where(*mine).group_by(c.subject_id))
    }
    first = {each: _days_before(day, count - 1) for each, day in newest.items()}
    found: dict[str, list[DailyFeature]] = {each: [] for each in subject_ids}
    earliest = min(first.values(), default=upto)
    for row in tx.rows(select(daily_features).where(*mine, c.day >= earliest)) if first else ():
        if row["day"] >= first[row["subject_id"]]:
            found[row["subject_id"]].append(decode(DailyFeature, row))
    for subject_id, told in found.items():
        last = max(told, key=lambda one: one.day, default=None)
        tx.learn(daily_features, ("latest", subject_id, feature, upto), last)
        if last is not None:
            best = max(told, key=lambda one: (one.value, one.day))
            span = (first[subject_id], last.day)
            tx.learn(daily_features, ("highest", subject_id, feature, span), best)


def _days_before(day: str, days: int) -> str:
    return (date.fromisoformat(day) - timedelta(days=days)).isoformat()


def features_between(
    tx: Tx, subject_id: str, names: Sequence[str], days: tuple[str, str]
) -> tuple[ReportedFeature, ...]:
    """A subject's features of some names, from one day to another, by day."""
    where = (
        daily_features.c.tenant_id == tx.tenant_id,
        daily_features.c.subject_id == subject_id,
        daily_features.c.feature.in_(names),
        daily_features.c.day.between(*days),
    )
    order = (daily_features.c.day, daily_features.c.feature)
    rows = tx.rows(select(daily_features).where(*where).order_by(*order))
    return tuple(
        ReportedFeature(decode(DailyFeature, row), row["writer"], row["seq"]) for row in rows
    )


def highest_feature(
    tx: Tx, subject_id: str, feature: str, days: tuple[str, str]
) -> DailyFeature | None:
    """The day with the highest value of a feature, from one day to another."""

    def ask() -> DailyFeature | None:
        where = (
            daily_features.c.tenant_id == tx.tenant_id,
            daily_features.c.subject_id == subject_id,
            daily_features.c.feature == feature,
            daily_features.c.day.between(*days),
        )
        ranked = (daily_features.c.value.desc(), daily_features.c.day.desc())
        row = tx.row(select(daily_features).where(*where).order_by(*ranked))
        return decode(DailyFeature, row) if row else None

    return tx.recall(daily_features, ("highest", subject_id, feature, days), ask)


def add_readings(tx: Tx, kept: Sequence[KeptReadings]) -> None:
    """Add telemetry documents, but for those whose very bytes are known."""
    tx.insert_many_new(telemetry, [{**encode(one), "document": one.document} for one in kept])
