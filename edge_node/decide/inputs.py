"""What a decision at the station rests on: features with their source, capacity.

Only features that the model knows and the farmer's consents admit are taken up.
Telemetry overrules imagery, imagery what is registered, that the dossier, where they
name the same feature.
A farmer's several plots become one value by area, herds by heads (half to even);
coverage is the share of the area or heads that the value speaks of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.lending.limit import (
    HerdView,
    Household,
    PlotView,
    Seen,
    Terms,
    crop_terms,
    limit_terms,
    sowing_terms,
)
from core.lending.product import Product, ProductKind
from core.scoring.features import FeatureValue
from core.units import PPM, divide_half_even
from core.wire.records import EvidenceDigest
from core.wire.registry import Farmer, Subject, SubjectKind
from edge_node.decide.desk import RequestError
from edge_node.store import fieldwork, village
from edge_node.store.database import StationDatabase

IMAGERY = "satellite_images"  # the name by which a farmer is asked for it


@dataclass(frozen=True, slots=True)
class Pledged:
    """A subject with the newest evidence on it, or on the pasture it grazes."""

    subject: Subject
    evidence: EvidenceDigest | None

    @property
    def weight(self) -> int:
        """Area [m²] of a plot, heads of a herd."""
        return self.subject.area_m2 or self.subject.heads


def pledged(
    db: StationDatabase, farmer: Farmer, product: Product, subject_ids: Iterable[str]
) -> tuple[Pledged, ...]:
    """The subjects of an application with their evidence, in order of id.

    Raises
    ------
    RequestError
        If there is none, or one is another farmer's or does not fit the product.
    """
    found = [village.subject(db, subject_id) for subject_id in sorted(set(subject_ids))]
    faults = [
        s.subject_id for s in found if s.farmer_id != farmer.farmer_id or not fits(s, product)
    ]
    if faults or not found:
        raise RequestError(
            f"expected the farmer's own {product.crop or product.kind.pledge} for "
            f"{product.product_id}, got {faults or 'nothing'}: choose among what is registered"
        )
    return tuple(
        Pledged(as_walked(db, s), village.evidence_of(db, s.pasture_id or s.subject_id))
        for s in found
    )


def as_walked(db: StationDatabase, subject: Subject) -> Subject:
    """A plot with no more ground than the newest walk around it is sure of (its P10) [m²].

    A walk never adds ground by itself: a person at the centre moves the register, and what it
    rests on then is the lower bound of the walk that was chosen.
    """
    walk = fieldwork.walked(db, subject.subject_id) if subject.area_m2 else None
    low_m2 = subject.lent_m2 if walk is None else min(subject.lent_m2, max(1, walk[1].low_m2))
    return subject if low_m2 == subject.area_m2 else replace(subject, area_m2=low_m2)


def looked_at(subjects: Sequence[Pledged], purposes: Iterable[str]) -> tuple[Pledged, ...]:
    """The subjects with what may be looked at: no evidence of imagery without its consent."""
    if IMAGERY in purposes:
        return tuple(subjects)
    return tuple(replace(one, evidence=None) for one in subjects)


def fits(subject: Subject, product: Product) -> bool:
    """Whether a product lends against such a subject."""
    if product.kind.pledge != SubjectKind.PLOT.value:
        return subject.kind.value == product.kind.pledge
    in_season = not product.season_id or subject.season_id in ("", product.season_id)
    return subject.kind is SubjectKind.PLOT and subject.crop == product.crop and in_season


def features(
    db: StationDatabase,
    farmer: Farmer,
    subjects: Sequence[Pledged],
    telemetry: Sequence[FeatureValue],
    names: frozenset[str],
) -> tuple[FeatureValue, ...]:
    """All that is known for scoring among the admitted names, in order of name."""
    known = {value.name: value for value in _stated(farmer, subjects)}
    dossier = village.dossier(db, farmer.farmer_id)
    if dossier is not None:
        source = f"dossier:{dossier.as_of}"
        for name, value in dossier.features.items():
            known.setdefault(name, FeatureValue(name, value, PPM, source))
    known.update({value.name: value for value in _imagery(subjects)})
    known.update({value.name: value for value in telemetry})
    return tuple(known[name] for name in sorted(known) if name in names)


def capacity_minor(
    product: Product, farmer: Farmer, subjects: Sequence[Pledged], today: date
) -> int:
    """What the limit rule carries by the evidence at hand [minor units].

    Without any yield, no more than the sowing stage costs and an onboarding lease
    gives to one line.
    """
    terms = _terms(product, farmer, subjects, today)
    if terms is not None:
        return terms.limit(product.credit.rounding_unit_minor)
    first_minor = product.lease.onboarding_minor_per_line
    if not product.stages:
        return first_minor
    sown = sowing_terms(product, [_plot_view(one, today) for one in subjects])
    return min(first_minor, sown.limit(product.credit.rounding_unit_minor))


def evidence_ids(subjects: Sequence[Pledged]) -> tuple[str, ...]:
    """The evidence documents that a decision cites, in order."""
    return tuple(sorted({one.evidence.evidence_id for one in subjects if one.evidence}))


def _terms(
    product: Product, farmer: Farmer, subjects: Sequence[Pledged], today: date
) -> Terms | None:
    household = Household(farmer.household_size)
    if product.kind is ProductKind.LIVESTOCK:
        herds = tuple(_herd_view(one, today) for one in subjects)
        return limit_terms(product, Seen(herds=herds), household, today)
    plots = tuple(_plot_view(one, today) for one in subjects)
    if product.kind is ProductKind.CROP:
        return crop_terms(product.on(today), plots, household)
    return limit_terms(product, Seen(plots), household, today)


def _plot_view(one: Pledged, today: date) -> PlotView:
    evidence = one.evidence
    return PlotView(
        plot_id=one.subject.subject_id,
        area_m2=one.subject.area_m2,
        stage=evidence.stage if evidence else "sowing",
        usual_stage="sowing",
        age_days=_age_days(evidence, today),
        yield_p10_kg_per_ha=evidence.yield_p10_kg_per_ha if evidence else None,
        yield_p50_kg_per_ha=evidence.yield_p50_kg_per_ha if evidence else None,
        evidence_id=evidence.evidence_id if evidence else "",
    )


def _herd_view(one: Pledged, today: date) -> HerdView:
    evidence = one.evidence
    # For a pasture the same fields carry forage against normal [ppm].
    return HerdView(
        herd_id=one.subject.subject_id,
        heads=one.subject.heads,
        age_days=_age_days(evidence, today),
        tags_read=one.subject.heads,  # read at registration; the centre holds them to the reader
        forage_p10_ppm=evidence.yield_p10_kg_per_ha if evidence else None,
        forage_p50_ppm=evidence.yield_p50_kg_per_ha if evidence else None,
        evidence_id=evidence.evidence_id if evidence else "",
    )


def _age_days(evidence: EvidenceDigest | None, today: date) -> int:
    return (today - date.fromisoformat(evidence.as_of)).days if evidence else 0


def _stated(farmer: Farmer, subjects: Sequence[Pledged]) -> tuple[FeatureValue, ...]:
    """What the registration itself states of the farmer and of what is pledged."""
    found = [FeatureValue("household_size_count", farmer.household_size, PPM, "registered")]
    area_m2 = sum(one.subject.area_m2 for one in subjects)
    if area_m2:
        found.append(FeatureValue("area_m2", area_m2, PPM, "registered"))
    return tuple(found)


def _imagery(subjects: Sequence[Pledged]) -> tuple[FeatureValue, ...]:
    total = sum(one.weight for one in subjects)
    if total == 0:
        return ()
    names = {name for one in subjects if one.evidence for name in one.evidence.features}
    return tuple(_weighted(name, subjects, total) for name in sorted(names))


def _weighted(name: str, subjects: Sequence[Pledged], total: int) -> FeatureValue:
    seen = [
        (one.weight, one.evidence)
        for one in subjects
        if one.evidence is not None and name in one.evidence.features and one.weight
    ]
    weight = sum(w for w, _ in seen)
    value = divide_half_even(sum(w * e.features[name] for w, e in seen), max(weight, 1))
    source = "evidence:" + ",".join(sorted({e.evidence_id for _, e in seen}))
    return FeatureValue(name, value, weight * PPM // total, source)
