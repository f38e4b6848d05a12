"""Opening lines at the centre for farmers whom the lender knows from past seasons.

Each gets a decision card by the registered model, signed by the centre, whatever
its outcome; a line is opened where it approves. The others apply at the kiosk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from core.canonical import canonical_hash, sha256_hex
from core.decision.card import CARD, DecisionCard
from core.decision.policy import DecisionInputs, Verdict, decide, unsigned_ppm_max
from core.lending.agreement import AgreementReason
from core.lending.limit import HerdView, Household, PlotView, Seen, Terms, limit_terms
from core.lending.own_cash import own_cash_faults
from core.lending.product import Product
from core.lending.terms import CashMonth
from core.scoring.features import FeatureValue, admissible
from core.scoring.points import pd_ppm, score
from core.shape import encode
from core.signing import sign_document
from core.units import PPM, floor_to_unit, share_ppm
from core.wire.modelfile import Model, ModelState, state
from core.wire.records import Application, Consent, ConsentAction
from core.wire.registry import Dossier, Farmer, Subject, SubjectKind
from server.services.agreements import applied, decided
from server.services.cards import read_model, take_card
from server.services.centre import Centre, RequestError, Work
from server.services.consents.taking import take_consent
from server.services.consents.using import REVIEWED
from server.services.downlink import send_status
from server.services.leasing import issue_for_line
from server.services.model_life.shadow import shade
from server.services.opening import NewLine, open_line, terms_for_record
from server.services.orders.fulfilment import fulfilment_of
from server.services.outlook import usual_stage
from server.services.pricing import Risk
from server.services.spreading import place_of_new, room_to_open
from server.services.standing import zone_minutes
from server.store import lines, models, people, products, registry, reports
from server.store.lines import Line
from server.store.models import RegisteredModel
from server.store.people import Actor
from server.store.reports import KeptApplication, KeptConsent

NO_ROOM = "no_room"  # instead of a verdict: the caps on the spread leave none today
REPAID_FEATURE = "past_seasons_repaid_count"


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of one farmer: the card, and the line if one was opened."""

    farmer_id: str
    card_id: str
    verdict: str
    line_id: str
    limit_minor: int


@dataclass(frozen=True, slots=True)
class _Case:
    """One farmer's case."""

    farmer: Farmer
    dossier: Dossier
    subjects: tuple[Subject, ...]
    product: Product
    model: Model
    registered: RegisteredModel
    today: date
    traded: tuple[FeatureValue, ...] = ()
    cash: tuple[CashMonth, ...] | None = None


@dataclass(frozen=True, slots=True)
class _Consented:
    """The consents that a decision may rest on, and for which purposes."""

    consent_ids: tuple[str, ...]
    purposes: tuple[str, ...]


def open_lines(
    centre: Centre, product_id: str, lines_share_ppm: int, purposes: tuple[str, ...], actor: Actor
) -> tuple[Opened, ...]:
    """Decide for every known farmer without a line of the product, and open what is approved.

    Parameters
    ----------
    lines_share_ppm
        Share of the eligible farmers to take [ppm]; always the same ones.
    purposes
        What the farmers consented to at enrolment, by the enrolment forms.

    Raises
    ------
    RequestError
        If no model is registered.
    """
    with centre.store.reading() as tx:
        eligible = _eligible(centre.work(tx, centre.now_ms()), product_id)
    chosen = eligible[: share_ppm(len(eligible), lines_share_ppm)]
    opening = partial(_open_enrolled, product_id=product_id, purposes=purposes, actor=actor)
    return tuple(centre.write(partial(opening, farmer_id=each)) for each in sorted(chosen))


def asked_for(product: Product) -> tuple[str, ...]:
    """What an enrolment form must cover, so that a product's decision and limit can follow."""
    return tuple(sorted({*product.decision.purposes, *REVIEWED.values()}))


def open_for(
    work: Work,
    farmer_id: str,
    product_id: str,
    actor: Actor,
    *,
    instead_of: str = "",
    cash: tuple[CashMonth, ...] | None = None,
) -> Opened:
    """Decide for one farmer on what they have consented to before, and open if approved.

    ``instead_of`` is a line that is about to end, and does not stand in the way; ``cash``
    are the farmer's own months with money, if they told any.

    Raises
    ------
    RequestError
        If there is no model in use, no dossier, nothing to lend against, or an open line, if
        the product does not take the cash months, or if the caps on the book's spread leave
        no room today.
    """
    product = products.newest(work.tx, product_id)
    farmer = registry.farmer(work.tx, farmer_id)
    taken = any(
        line.is_open and line.product_id == product_id and line.line_id != instead_of
        for line in lines.of_farmer(work.tx, farmer_id)
    )
    if taken or not _pledged(work, farmer, product):
        raise RequestError(
            f"expected that farmer {farmer_id} has no open line of {product_id} and something "
            f"that it lends against, got {'an open line' if taken else 'nothing to lend against'}"
        )
    given = reports.granted_purposes(work.tx, farmer_id)
    wanted = {each: given[each] for each in product.decision.purposes if each in given}
    consented = _Consented(tuple(sorted(set(wanted.values()))), tuple(sorted(wanted)))
    case = replace(_case(work, farmer_id, product_id), cash=cash)
    faults = own_cash_faults(product, cash, case.today)
    if faults:
        raise RequestError("; ".join(faults))
    ending = lines.find(work.tx, instead_of) if instead_of else None
    room = _room(work, case, ending.limit_minor if ending else 0)
    if room == 0:
        raise RequestError(
            f"expected room under the caps on the book's spread for {product_id}, got none "
            "today: try again on another day, or see harvestline-server concentration"
        )
    return _open(work, case, (consented, room), actor)


def _eligible(work: Work, product_id: str) -> list[str]:
    """Farmers with a repaid season, something to lend against, and no open line yet."""
    product = products.newest(work.tx, product_id)
    found = []
    for farmer in registry.all_farmers(work.tx):
        dossier = registry.find_dossier(work.tx, farmer.farmer_id)
        known = dossier is not None and dossier.features.get(REPAID_FEATURE, 0) >= 1
        has_line = any(
            line.is_open and line.product_id == product_id
            for line in lines.of_farmer(work.tx, farmer.farmer_id)
        )
        if known and not has_line and _pledged(work, farmer, product):
            found.append(farmer.farmer_id)
    return sorted(found, key=lambda farmer_id: sha256_hex(farmer_id.encode()))


def _pledged(work: Work, farmer: Farmer, product: Product) -> tuple[Subject, ...]:
    """What of a farmer's a product lends against."""
    owned = registry.subjects_of(work.tx, farmer.farmer_id)
    if product.kind.pledge != SubjectKind.PLOT.value:
        return tuple(each for each in owned if each.kind.value == product.kind.pledge)
    return tuple(
        each
        for each in owned
        if each.kind is SubjectKind.PLOT
        and each.crop == product.crop
        and (not product.season_id or each.season_id in ("", product.season_id))
    )


def _open_enrolled(
    work: Work, *, farmer_id: str, product_id: str, purposes: tuple[str, ...], actor: Actor
) -> Opened:
    case = _case(work, farmer_id, product_id)
    room = _room(work, case)
    if room == 0:
        return Opened(farmer_id, "", NO_ROOM, "", 0)
    consented = _Consented((_consent(work, case, purposes),), purposes)
    return _open(work, case, (consented, room), actor)


def _room(work: Work, case: _Case, frees_minor: int = 0) -> int | None:
    """What the caps on the book's spread leave a new line today; None if nothing bounds it.

    ``frees_minor`` is what the line that it follows will leave.
    """
    rests = [each.subject_id for each in case.subjects]
    placed = place_of_new(work, case.product, case.farmer.farmer_id, rests)
    found = room_to_open(work, placed)
    if found is None:
        return None
    return floor_to_unit(found.limit_minor + frees_minor, case.product.credit.draw_step_minor)


def _open(work: Work, case: _Case, given: tuple[_Consented, int | None], actor: Actor) -> Opened:
    consented, room = given
    terms = opening_terms(case.product, case.subjects, case.today)
    limit = terms.limit(case.product.credit.rounding_unit_minor)
    limit = limit if room is None else min(limit, room)
    asked = floor_to_unit(
        min(limit, case.product.decision.authority_minor_max), case.product.credit.draw_step_minor
    )
    application = _apply(work, case, asked, actor)
    card = _decide(work, case, application, (consented, limit))
    outcome = card.outcome
    line_id = ""
    if outcome.verdict is Verdict.APPROVE:
        new = NewLine(
            line_id=work.new_id(),
            application_id=application.application_id,
            card_id=card.card_id,
            farmer_id=case.farmer.farmer_id,
            product_id=case.product.product_id,
            station=case.farmer.home_station,
            subject_ids=application.subject_ids,
            limit_minor=outcome.amount_minor,
            currency=case.product.currency,
            terms=terms_for_record(terms),
            cash=case.cash or (),
        )
        line = open_line(work, new)
        line_id = line.line_id
        send_status(work, line)
        issue_for_line(work, line_id)
    detail = {"verdict": outcome.verdict.value}
    people.record(work.tx, work.at_ms, actor, "centre_decided", ("card", card.card_id), detail)
    limit_minor = outcome.amount_minor if line_id else 0
    return Opened(case.farmer.farmer_id, card.card_id, outcome.verdict.value, line_id, limit_minor)


def _case(work: Work, farmer_id: str, product_id: str) -> _Case:
    registered = models.active(work.tx)
    dossier = registry.find_dossier(work.tx, farmer_id)
    if registered is None or dossier is None:
        raise RequestError("expected a model in use and a dossier: bring and promote a model first")
    farmer = registry.farmer(work.tx, farmer_id)
    product = products.newest(work.tx, product_id)
    today = work.today(zone_minutes(work.tx, farmer_id))
    return _Case(
        farmer=farmer,
        dossier=dossier,
        subjects=_pledged(work, farmer, product),
        product=product,
        model=read_model(registered.document),
        registered=registered,
        today=today,
        traded=fulfilment_of(work.tx, farmer_id, today),
    )


def opening_terms(product: Product, subjects: tuple[Subject, ...], today: date) -> Terms:
    """The rule's terms at opening: the sowing share of the cost, or the herd's.

    Until its pasture has been seen, a herd is lent as much as at the forage floor; its tags
    are read at registration. A machine or a store opens with what a station would open it
    with, and moves once it has been looked at.

    Raises
    ------
    RequestError
        If the product's prices or years have ended.
    """
    if product.herd is not None:
        floor = product.herd.forage_floor_ppm
        herds = tuple(
            HerdView(s.subject_id, s.heads, 0, floor, floor, tags_read=s.heads) for s in subjects
        )
        terms = limit_terms(product, Seen(herds=herds), Household(0), today)
    elif product.kind.pledge != SubjectKind.PLOT.value:
        first_minor = product.lease.onboarding_minor_per_line
        return Terms(first_minor, first_minor, first_minor, product.credit.limit_max_minor, 0)
    else:
        first = product.stages[0].stage if product.stages else ""
        plots = tuple(
            PlotView(s.subject_id, s.lent_m2, first, usual_stage(product, s.sown_on, today), 0)
            for s in subjects
        )
        terms = limit_terms(product, Seen(plots), Household(0), today)
    if terms is None:
        raise RequestError(
            f"{product.product_id}: expected a price and a year that hold on {today}, got none: "
            "put a newer version in force"
        )
    return terms


def risk_now(work: Work, line: Line, product: Product) -> Risk | None:
    """The risk of a line's farmer by the model in use and all that is known of them today.

    None while there is no model, no dossier, or too little is known to decide by.
    """
    if models.active(work.tx) is None or registry.find_dossier(work.tx, line.farmer_id) is None:
        return None
    case = _case(work, line.farmer_id, line.product_id)
    values = {value.name: value for value in _features(case)}
    purposes = tuple(sorted(reports.granted_purposes(work.tx, line.farmer_id)))
    used = admissible(
        case.model.features, values, purposes, product.decision.coverage_ppm_min,
        unsigned_ppm_max(product),
    )  # fmt: skip
    if len(used) < product.decision.known_features_min:
        return None
    pd = pd_ppm(case.model.table, score(case.model.table, used))
    return Risk(pd, case.today.isoformat(), f"model:{case.registered.sha256[:16]}")


def _apply(work: Work, case: _Case, asked_minor: int, by: Actor) -> Application:
    application = Application(
        application_id=work.new_id(),
        farmer_id=case.farmer.farmer_id,
        product_id=case.product.product_id,
        subject_ids=tuple(sorted(subject.subject_id for subject in case.subjects)),
        asked_minor=asked_minor,
        currency=case.product.currency,
        cash=case.cash,
    )
    reports.add_application(work.tx, KeptApplication(application, work.settings.name, work.at_ms))
    applied(work, application, by, AgreementReason.KNOWN_FARMER)
    return application


def _consent(work: Work, case: _Case, purposes: tuple[str, ...]) -> str:
    """Write down the consent that the farmer gave on paper at enrolment."""
    consent = Consent(
        consent_id=work.new_id(),
        farmer_id=case.farmer.farmer_id,
        action=ConsentAction.GRANT,
        purposes=purposes,
        recipient=work.settings.tenant_id,
        shown_sha256=canonical_hash({"form": "enrolment", "purposes": list(purposes)}),
        spoken=False,
        helped=True,
    )
    kept = KeptConsent(consent, work.settings.name, work.at_ms, 0, work.at_ms)
    take_consent(work, kept, work.myself)
    return consent.consent_id


def _decide(
    work: Work, case: _Case, application: Application, given: tuple[_Consented, int]
) -> DecisionCard:
    consented, limit_minor = given
    inputs = DecisionInputs(
        application=application,
        station=case.farmer.home_station,
        home_station=case.farmer.home_station,
        features=_features(case),
        purposes=tuple(sorted(consented.purposes)),
        consent_ids=consented.consent_ids,
        evidence_ids=(),
        readings=(),
        available_minor=limit_minor,
        capacity_minor=limit_minor,
        model_sha256=case.registered.sha256,
        model_version=case.model.version,
        model_stale=state(case.model, work.at_ms) is ModelState.STALE,
        policy_version=case.product.policy_version(),
        decided_on=case.today.isoformat(),
        decided_at_ms=work.at_ms,
        error_ms=0,
    )
    card = DecisionCard(work.new_id(), inputs, decide(inputs, case.model, case.product))
    document = sign_document(CARD, encode(card), work.keys)
    own_key = work.keys.identity().public_key
    kept = take_card(work, document, work.settings.name, (own_key,), work.at_ms)
    decided(work, kept, work.myself)
    shade(work, kept)
    return card


def _features(case: _Case) -> tuple[FeatureValue, ...]:
    """What registration states, and what the lender's books know, where the model asks."""
    known = {
        name: FeatureValue(name, value, PPM, f"dossier:{case.dossier.as_of}")
        for name, value in case.dossier.features.items()
    }
    area_m2 = sum(subject.lent_m2 for subject in case.subjects)
    stated = {"household_size_count": case.farmer.household_size, "area_m2": area_m2}
    known |= {
        name: FeatureValue(name, value, PPM, "registered")
        for name, value in stated.items()
        if value
    }
    known |= {value.name: value for value in case.traded}
    wanted = {definition.name for definition in case.model.features}
    return tuple(known[name] for name in sorted(known) if name in wanted)
