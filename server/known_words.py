"""Words that reach a page as data: codes of the records, and sentences of core and of models.

:func:`server.words.known` says what stands here in the officer's language, and leaves the rest
as it came: a name, a product, a sentence that a lender wrote.
"""

from __future__ import annotations

from enum import Enum

from core.lending.agreement import AgreementEvent, AgreementReason, AgreementState
from core.lending.cashbox import MoveKind
from core.lending.lease import DrawState
from core.lending.ordering import OrderEvent, OrderParty, OrderReason, OrderStatus
from core.lending.payout import Finding, Outcome, PayeeKind, PayoutEvent, PayoutState
from core.lending.provisioning import bucket_words
from core.reasons import SENTENCES
from core.scoring.drift import Alarm
from core.wire.appeals import AppealKind, AppealTopic
from core.wire.evidence import Stage
from core.wire.personal_data import Purpose
from server.trail_words import ACTS, FACTS, KINDS

_CODES: tuple[type[Enum], ...] = (
    Alarm, AppealKind, AppealTopic, DrawState, MoveKind, PayeeKind, Purpose, Stage,
    AgreementEvent, AgreementReason, AgreementState, OrderEvent, OrderParty, OrderReason,
    OrderStatus, Finding, Outcome, PayoutEvent, PayoutState,
)  # fmt: skip
# Roles, replays, stands of a model, what a statement tells, crops and animals.
_OTHERS = (
    *("supervisor", "lender", "auditor", "supplier", "buyer", "station", "officer"),
    *("cashier", "integrator", "agent", "keeper", "user", "model", "card", "agreement", "site"),
    *("device readings", "satellite images", "opened", "raised", "held", "cut", "frozen"),
    *("same", "differs", "unknown model", "unknown policy", "bad signature", "unreadable"),
    *("candidate", "challenger", "proposed", "approved", "rolling", "halted", "champion"),
    *("retired", "drawn", "fee", "repaid", "bounced", "returned", "crop", "pasture", "plot"),
    *("maize", "beans", "wheat", "barley", "rice", "sorghum", "cotton", "soy", "sunflower"),
    *("visit pending", "identity in doubt", "dispute", "hardship", "station in doubt", "cleared"),
    *("herd", "machine", "store", "village", "product", "weather cell", "the whole book", "mixed"),
)
_TERMS = (
    "Insured floor, in the harvest’s value", "Guaranteed, under the security",
    "Liens of others, out of the value", "Ordered from suppliers so far",
    "Dues elsewhere, out of the season’s cash", "What the herd can carry",
    "What the machine is worth", "What lies dry in the store",
    "The scheme does not ask for the harvest", "The season’s feed",
    "The work that the counters show", "The year’s scale of finance",
    "What the goods of the land cost", "As far as one review raises",
    "Its share of the room under the book’s caps",
    "Supported by an earlier look, while a rise waits",
    "What the harvest can carry", "What the stage costs",
    "What the season’s cash can repay", "The product’s highest amount", "covers on record",
    "bureau’s answer on record", "orders on record", "evidence of that day", "what was declared",
    "Cap", "Step", "Spread", "Look", "in C", "in S", "in R",
)  # fmt: skip
# What the cells of lists say besides.
_LISTS = (
    *("all", "yes", "no", "no line", "cell", "above", "below", "approve", "refer", "decline"),
    *("raise", "plan", "word", "livestock", "the rule", "the lender's own"),
    # What the satellite's flags say of a plot.
    *("not said", "fell alone", "nothing lost", "greenest too late", "water", "bare land"),
    *("bush or trees", "the same land", "a shifted copy of its ring", "lies inside it"),
    *("overlaps it", "together with others covers it"),
)
# The products that come with the program, by the names that their files give them.
PRODUCT_NAMES = (
    "Maize, long rains 2026", "Maize inputs by voucher, long rains 2026",
    "Kisan line, paddy and sugarcane, 2026 to 2031", "Grazing cattle, 2026",
    "Tractor hire, long and short rains 2026", "Stored maize, harvest 2026",
)  # fmt: skip
# Features of the released model, with the units of their values.
_MEASURES = (
    "Area", "Cash need ratio", "Herd heads", "Herd steps per day", "Household size",
    "Machine hours", "NDVI anomaly", "Other debt", "Past late days", "Past seasons repaid",
    "Rain deficit", "Soil stress days", "Stage seen", "Years member", "years", "seasons", "days",
    "people", "stages", "steps", "animals", "hours", "of the usual harvest's value",
    "of normal rain", "of the normal curve",
)  # fmt: skip
# Why a card counted against somebody, in the words of the released features.
_FEATURES = (
    "Earlier loans were repaid late.", "Few animals were counted.",
    "Few seasons have been repaid so far.", "Less rain fell than in a normal year.",
    "Many people live from this harvest.", "Other debts must be repaid from the same harvest.",
    "The amount asked for is large against the usual harvest.",
    "The animals walk more or less than herds whose loans were repaid.",
    "The crop stands at another stage than crops that were repaid.",
    "The machine worked few hours.", "The planted area is small.",
    "The plot looks less green than is normal for this time.",
    "The soil was too dry on many days.", "You have been with the lender for a short time.",
)  # fmt: skip
KNOWN: frozenset[str] = frozenset(
    {each.value.replace("_", " ") for codes in _CODES for each in codes}
    | set(_OTHERS)
    | set(_TERMS)
    | set(_MEASURES)
    | set(_FEATURES)
    | set(ACTS)
    | set(FACTS)
    | set(KINDS)
    | set(_LISTS)
    | set(PRODUCT_NAMES)
    | set(bucket_words())
    | {text for text in SENTENCES.values() if "{" not in text}
)
