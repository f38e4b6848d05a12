"""The catalogue of personal data: which classes, for what, told to whom, on what ground.

Data, not rules: who may use what follows from it and from the farmer's consents in
:mod:`core.wire.consents`. Grades are those of JR/T 0197-2020, from 1 (public) to 5. What
the agreement or the law itself demands needs no consent (Personal Information Protection
Law, articles 13 and 14); all else does, and what happens without it stands beside it:
service is never refused for declining (article 16). A name that farmers are asked by
never comes to mean more: what is new gets a name of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class DataClass(Enum):
    """What is known of a person, in the classes that a consent names."""

    IDENTITY = "identity"
    CREDENTIALS = "credentials"
    REGISTERED = "registered"
    MONEY = "money"
    DECISIONS = "decisions"
    TELEMETRY = "telemetry"
    MACHINERY = "machinery"
    LIVESTOCK = "livestock"
    IMAGERY = "imagery"
    VISITS = "visits"
    BUREAU = "bureau"
    TRADE = "trade"


class Purpose(Enum):
    """What data may be used for."""

    SERVICING = "servicing"
    PAYOUT = "payout"
    SUPERVISION = "supervision"
    ADVICE = "advice"
    DECISION = "decision"
    AUTOMATED_DECISION = "automated_decision"
    DRAWDOWN = "drawdown"
    BUREAU_QUERY = "bureau_query"
    BUREAU_REPORT = "bureau_report"
    CO_LENDING = "co_lending"
    INSURANCE = "insurance"
    SUPPLY = "supply"
    SALE = "sale"
    MODEL_TRAINING = "model_training"
    RESEARCH = "research"
    FAIRNESS_AUDIT = "fairness_audit"


class Recipient(Enum):
    """Who reads it."""

    STATION = "station"
    LENDER = "lender"
    PAYER = "payer"
    SUPERVISOR = "supervisor"
    CO_LENDER = "co_lender"
    BUREAU = "bureau"
    SUPPLIER = "supplier"
    BUYER = "buyer"
    INSURER = "insurer"
    TRAINING = "training"
    RESEARCH = "research"


class Basis(Enum):
    """On what ground data may be used."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_DUTY = "legal_duty"


@dataclass(frozen=True, slots=True)
class Described:
    """A class of data: its grade after JR/T 0197-2020 and what it holds."""

    data_class: DataClass
    grade: int
    holds: str


@dataclass(frozen=True, slots=True)
class Use:
    """For what classes may be used by whom, on which ground, and what happens without.

    ``ask`` is the name under which farmers are asked; empty where nobody needs to be.
    """

    ask: str
    purpose: Purpose
    classes: tuple[DataClass, ...]
    recipients: tuple[Recipient, ...]
    basis: Basis
    without: str


_D, _P, _R = DataClass, Purpose, Recipient

CLASSES: tuple[Described, ...] = (
    Described(_D.IDENTITY, 3, "name, language, village, home station"),
    Described(_D.CREDENTIALS, 4, "the card's and the picture code's hashes"),
    Described(_D.REGISTERED, 3, "household, plots with their boundaries, herds, machines"),
    Described(_D.MONEY, 3, "limits, drawdowns, repayments, what is owed and was late"),
    Described(_D.DECISIONS, 3, "applications, scores, decision cards, movements of a limit"),
    Described(_D.TELEMETRY, 2, "readings of probes, weather stations and stores"),
    Described(_D.MACHINERY, 2, "hours, area worked and fuel of machines"),
    Described(_D.LIVESTOCK, 2, "ear tags that were read, animals counted, how they move"),
    Described(_D.IMAGERY, 2, "pictures of the plot from space and what is read from them"),
    Described(_D.VISITS, 3, "agents' visits, notes and photos"),
    Described(_D.BUREAU, 3, "what is owed to other lenders"),
    Described(_D.TRADE, 3, "orders, deliveries, sales, prices paid"),
)

_HERE = (_R.STATION, _R.LENDER)
_LEARNT = (
    *(_D.REGISTERED, _D.MONEY, _D.DECISIONS, _D.TELEMETRY, _D.MACHINERY, _D.LIVESTOCK),
    *(_D.IMAGERY, _D.TRADE),
)

USES: tuple[Use, ...] = (
    Use(
        "", _P.SERVICING, (_D.IDENTITY, _D.CREDENTIALS, _D.REGISTERED, _D.MONEY, _D.DECISIONS),
        _HERE, Basis.CONTRACT, "there is no account without it",
    ),
    Use(
        "", _P.PAYOUT, (_D.IDENTITY, _D.MONEY), (_R.LENDER, _R.PAYER, _R.SUPPLIER),
        Basis.CONTRACT, "nobody can be paid without it",
    ),
    Use(
        "", _P.SUPERVISION, (_D.IDENTITY, _D.MONEY, _D.DECISIONS), (_R.LENDER, _R.SUPERVISOR),
        Basis.LEGAL_DUTY, "the books must be kept and shown",
    ),
    Use(
        "", _P.ADVICE, (_D.TELEMETRY, _D.LIVESTOCK, _D.IMAGERY), (_R.STATION,),
        Basis.CONTRACT, "shown to the farmer alone",
    ),
    Use(
        "", _P.DECISION, (_D.IDENTITY, _D.REGISTERED, _D.MONEY, _D.DECISIONS), _HERE,
        Basis.CONTRACT, "no application can be looked at without it",
    ),
    Use(
        "automated_decision", _P.AUTOMATED_DECISION, (_D.DECISIONS,), _HERE, Basis.CONSENT,
        "a person at the lender decides",
    ),
    Use(
        "device_readings", _P.DECISION, (_D.TELEMETRY, _D.MACHINERY, _D.LIVESTOCK), _HERE,
        Basis.CONSENT, "the feature is missing in scoring; a limit that rests on it holds, then "
        "new draws wait",
    ),
    Use(
        "satellite_images", _P.DECISION, (_D.IMAGERY,), _HERE, Basis.CONSENT,
        "the feature is missing in scoring; the plot counts as not seen: the limit holds, then "
        "new draws wait",
    ),
    Use(
        "visit_photos", _P.DECISION, (_D.VISITS,), _HERE, Basis.CONSENT,
        "nobody looks at visits and photos to decide; where a product asks for two sources, a "
        "rise waits",
    ),
    Use(
        "trade_records", _P.DECISION, (_D.TRADE,), _HERE, Basis.CONSENT,
        "what was ordered and sold counts neither for nor against",
    ),
    Use(
        "drawdown", _P.DRAWDOWN, (_D.MONEY,), _HERE, Basis.CONSENT,
        "that drawdown is not made; it is the agreement to its price",
    ),
    Use(
        "bureau_query", _P.BUREAU_QUERY, (_D.IDENTITY, _D.BUREAU), (_R.LENDER, _R.BUREAU),
        Basis.CONSENT, "nobody is asked; the limit counts no dues elsewhere, and a product that "
        "demands an answer sends the application to a person",
    ),
    Use(
        "bureau_report", _P.BUREAU_REPORT, (_D.IDENTITY, _D.MONEY), (_R.BUREAU,), Basis.CONSENT,
        "the line is not reported",
    ),
    Use(
        "co_lending", _P.CO_LENDING, (_D.IDENTITY, _D.REGISTERED, _D.MONEY, _D.DECISIONS),
        (_R.CO_LENDER,), Basis.CONSENT, "the lender lends alone",
    ),
    Use(
        "insurance", _P.INSURANCE, (_D.IDENTITY, _D.REGISTERED, _D.IMAGERY), (_R.INSURER,),
        Basis.CONSENT, "there is no cover, and no floor from one",
    ),
    Use(
        "", _P.SUPPLY, (_D.IDENTITY, _D.TRADE), (_R.LENDER, _R.SUPPLIER), Basis.CONTRACT,
        "the farmer's own order cannot be delivered without it",
    ),
    Use(
        "", _P.SALE, (_D.IDENTITY, _D.TRADE), (_R.LENDER, _R.BUYER), Basis.CONTRACT,
        "the farmer's own sale cannot be settled without it",
    ),
    Use(
        "model_training", _P.MODEL_TRAINING, _LEARNT, (_R.TRAINING,), Basis.CONSENT,
        "the model is trained without these records",
    ),
    Use(
        "research", _P.RESEARCH, _LEARNT, (_R.RESEARCH,), Basis.CONSENT,
        "the records are left out",
    ),
    Use(
        "fairness_audit",
        _P.FAIRNESS_AUDIT,
        (_D.IDENTITY,),
        (_R.TRAINING,),
        Basis.CONSENT,
        "the person stands in no group when a model is examined for fairness",
    ),
)  # fmt: skip

ASKS: Mapping[str, Use] = {use.ask: use for use in USES if use.ask}
GRADES: Mapping[DataClass, int] = {one.data_class: one.grade for one in CLASSES}


def use_of(purpose: Purpose, data_class: DataClass, recipient: Recipient) -> Use | None:
    """The catalogue's line for a use; None if nobody may ever make it."""
    for use in USES:
        if use.purpose is purpose and data_class in use.classes and recipient in use.recipients:
            return use
    return None
