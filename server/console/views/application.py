"""An application: its card, feature by feature, and what a replay gives now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.canonical import parse_canonical
from core.decision.card import DecisionCard
from core.decision.policy import unsigned_ppm_max
from core.lending.product import Product
from core.scoring.features import FeatureDefinition, FeatureValue, Source, admissible
from core.scoring.points import PointsTable
from core.shape import decode
from core.signing import DOCUMENT_BYTES_MAX
from core.wire.modelfile import Model
from core.wire.registry import Farmer, Subject
from server.console.words import message, say
from server.keys import KeyPair
from server.services.cards import judge_card, model_of, reason_words
from server.store import application_pages, lines, plot_rows, products, registry, reports
from server.store.engine import NotKnownError, Tx
from server.store.lines import Line
from server.store.reports import KeptApplication, KeptConsent, KeptDecision, Replay

ROWS_A_PAGE = 100
SOURCE_WORDS = {
    Source.FARMER: message("the farmer"),
    Source.HISTORY: message("the lender’s books"),
    Source.TELEMETRY: message("devices"),
    Source.IMAGERY: message("satellite"),
}


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """One line of the list."""

    kept: KeptApplication
    farmer_name: str
    product_name: str
    decision: KeptDecision | None


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One feature as the decision used it; ``points`` with its share of two-way tables."""

    definition: FeatureDefinition
    source: str
    value: FeatureValue | None
    used: bool
    why_missing: str
    points: int
    reference_points: int

    @property
    def difference(self) -> int:
        """Points against what approvals just above the cut-off have."""
        return self.points - self.reference_points


@dataclass(frozen=True, slots=True)
class ApplicationPage:
    """Everything that an application's page shows."""

    kept: KeptApplication
    farmer: Farmer | None
    subjects: tuple[Subject, ...]
    decision: KeptDecision | None
    card: DecisionCard | None
    reasons: tuple[str, ...]
    features: tuple[FeatureRow, ...]
    base_points: int
    model: Model | None
    product: Product | None
    signed_by: str
    consents: tuple[KeptConsent, ...]
    line: Line | None


@dataclass(frozen=True, slots=True)
class ApplicationList:
    """A page of applications, how many stand at each verdict, and where the older ones begin."""

    rows: tuple[ApplicationRow, ...]
    counts: Mapping[str, int]
    older: str


def read_application_page(tx: Tx, verdict: str, before: str) -> ApplicationList:
    """A page of applications, the newest first.

    Parameters
    ----------
    before
        The id of the application after which the page begins; the newest page without one.
    """
    last = reports.find_application(tx, before) if before else None
    since = None if last is None else (last.at_ms, before)
    kept = application_pages.newest_applications(tx, ROWS_A_PAGE, verdict, since)
    older = kept[-1].application.application_id if len(kept) == ROWS_A_PAGE else ""
    ids = [one.application.application_id for one in kept]
    names = plot_rows.farmer_names(tx, sorted({one.application.farmer_id for one in kept}))
    rows = _rows(tx, kept, names, application_pages.last_decisions(tx, ids))
    return ApplicationList(rows, application_pages.verdict_counts(tx), older)


def read_applications(tx: Tx) -> tuple[ApplicationRow, ...]:
    """Every application, newest first."""
    names = {farmer.farmer_id: farmer.name for farmer in registry.all_farmers(tx)}
    # Newest first: the first card that is met for an application is its latest.
    latest: dict[str, KeptDecision] = {}
    for each in reports.every_decision(tx):
        latest.setdefault(each.application_id, each)
    return _rows(tx, reports.every_application(tx), names, latest)


def _rows(
    tx: Tx,
    found: Sequence[KeptApplication],
    names: Mapping[str, str],
    latest: Mapping[str, KeptDecision],
) -> tuple[ApplicationRow, ...]:
    sold = {product.product_id: product.name for product in products.in_force(tx)}
    return tuple(
        ApplicationRow(
            kept=kept,
            farmer_name=names.get(kept.application.farmer_id, kept.application.farmer_id),
            product_name=sold.get(kept.application.product_id, kept.application.product_id),
            decision=latest.get(kept.application.application_id),
        )
        for kept in found
    )


def read_application(tx: Tx, application_id: str, keys: KeyPair) -> ApplicationPage:
    """An application's page.

    Raises
    ------
    NotKnownError
        If there is no such application.
    """
    kept = reports.find_application(tx, application_id)
    if kept is None:
        raise NotKnownError(f"expected an application, got {application_id!r}")
    decision = next(reversed(reports.decisions_of(tx, application_id)), None)
    card = read_card(decision) if decision else None
    model = model_of(tx, card) if card else None
    product = products.by_policy(tx, card.inputs.policy_version) if card else None
    found = (registry.find_subject(tx, each) for each in kept.application.subject_ids)
    mine = (x for x in lines.of_farmer(tx, kept.application.farmer_id))
    granted = reports.consents_of(tx, kept.application.farmer_id)
    cited = set(card.inputs.consent_ids) if card else set()
    return ApplicationPage(
        kept=kept,
        farmer=registry.find_farmer(tx, kept.application.farmer_id),
        subjects=tuple(subject for subject in found if subject is not None),
        decision=decision,
        card=card,
        reasons=tuple(reason_words(reason, model) for reason in card.outcome.reasons)
        if card
        else (),
        features=feature_rows(card, model, product) if card and model and product else (),
        base_points=model.table.base if model else 0,
        model=model,
        product=product,
        signed_by=_signer(tx, decision, keys) if decision else "",
        consents=tuple(c for c in granted if c.consent.consent_id in cited),
        line=next((x for x in mine if x.application_id == application_id), None),
    )


def read_card(decision: KeptDecision) -> DecisionCard:
    """The card in a signed document."""
    return decode(DecisionCard, parse_canonical(decision.document, DOCUMENT_BYTES_MAX)["body"])


def replay_now(tx: Tx, card_id: str, keys: KeyPair) -> tuple[KeptDecision, Replay, str]:
    """Verify a card's signature and decide again from its inputs, now.

    Raises
    ------
    NotKnownError
        If there is no such card.
    """
    decision = reports.decision(tx, card_id)
    outcome, detail = judge_card(tx, decision.document, _public_keys(tx, decision, keys))
    return decision, outcome, detail


def _public_keys(tx: Tx, decision: KeptDecision, keys: KeyPair) -> tuple[str, ...]:
    station = registry.find_station(tx, decision.writer)
    return (station.public_key if station else keys.identity().public_key,)


def _signer(tx: Tx, decision: KeptDecision, keys: KeyPair) -> str:
    station = registry.find_station(tx, decision.writer)
    return station.key_id if station else keys.key_id


def feature_rows(card: DecisionCard, model: Model, product: Product) -> tuple[FeatureRow, ...]:
    """Every feature with its points, in the model's order; the points add up to the score."""
    values = {value.name: value for value in card.inputs.features}
    coverage = product.decision.coverage_ppm_min
    unsigned = unsigned_ppm_max(product)
    used = admissible(model.features, values, card.inputs.purposes, coverage, unsigned)
    own = _points(model.table, used)
    reference = _references(model.table)
    return tuple(
        FeatureRow(
            definition=definition,
            source=say(SOURCE_WORDS[definition.source]),
            value=values.get(definition.name),
            used=definition.name in used,
            why_missing=_why(definition, values, card.inputs.purposes, used, unsigned),
            points=own.get(definition.name, 0),
            reference_points=reference.get(definition.name, 0),
        )
        for definition in model.features
    )


def _points(table: PointsTable, used: Mapping[str, int]) -> dict[str, int]:
    """Points by feature; a two-way table counts for the first of its features, as in core."""
    found = {one.feature: one.lookup(used.get(one.feature)) for one in table.features}
    for two in table.pairs:
        both = two.lookup(used.get(two.first), used.get(two.second))
        found[two.first] = found.get(two.first, 0) + both
    return found


def _references(table: PointsTable) -> dict[str, int]:
    found = {one.feature: one.reference_points for one in table.features}
    for two in table.pairs:
        found[two.first] = found.get(two.first, 0) + two.reference_points
    return found


def _why(
    definition: FeatureDefinition,
    values: Mapping[str, FeatureValue],
    purposes: Sequence[str],
    used: Mapping[str, int],
    unsigned_max: int,
) -> str:
    if definition.name in used:
        return ""
    if definition.purpose and definition.purpose not in purposes:
        return say("no consent for this use")
    if definition.name not in values:
        return say("not known")
    unsigned = values[definition.name].unsigned_ppm or 0
    if unsigned > unsigned_max:
        return say("no device signed enough of it")
    return say("too little was known")
