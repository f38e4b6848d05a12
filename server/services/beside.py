"""What stands beside a line at its review: covers, and what is owed to other lenders.

Each is read from what was said by file, under a consent that stands; both go on the review's
record as views, with their source and date.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from core.lending.cover import CoverStanding, ended_since, standing_of
from core.lending.elsewhere import is_unknown, known_dues
from core.lending.product import Product
from core.lending.views import CoverKind, CoverView, DuesView, Seen
from core.reasons import Reason, ReasonCode
from core.shape import decode
from core.units import PPM, civil_date
from core.wire.personal_data import DataClass, Purpose, Recipient
from server.services.bureau.asking import dues_of
from server.services.centre import Work
from server.services.consents.using import may
from server.store import bounces, bureau, covers
from server.store.covers import CoverEvent, CoverStep
from server.store.engine import Tx

SUM_MINOR_MAX = 10**15
TELL_INSURER = (Purpose.INSURANCE, DataClass.REGISTERED, Recipient.INSURER)


@dataclass(frozen=True, slots=True)
class CoverWord:
    """What an insurer or a guarantor says of one cover, as it stands in their file."""

    cover_id: str
    kind: CoverKind
    farmer_id: str
    party: str
    from_on: str
    until_on: str
    currency: str
    sum_minor: int
    said_on: str
    share_ppm: int | None = None
    trigger_kg_per_ha: int | None = None
    exit_kg_per_ha: int | None = None

    def faults(self, today: date) -> list[str]:
        """What cannot be, in words."""
        first, last, said = (civil_date(t) for t in (self.from_on, self.until_on, self.said_on))
        insured = self.kind is CoverKind.INSURANCE
        trigger, full = self.trigger_kg_per_ha, self.exit_kg_per_ha
        rules = (
            (bool(self.cover_id and self.party), "expected a cover_id and a party"),
            (None not in (first, last) and self.from_on <= self.until_on,
             f"expected from_on up to until_on, got {self.from_on[:20]} and {self.until_on[:20]}"),
            (said is not None and said <= today, f"expected said_on up to {today}"),
            (0 < self.sum_minor <= SUM_MINOR_MAX, "expected sum_minor above 0"),
            (self.share_ppm is None or 0 < self.share_ppm <= PPM,
             f"expected share_ppm of 1 to {PPM}"),
            (not insured or self.share_ppm is None, "expected no share_ppm of an insurance"),
            (insured or (trigger is None and full is None), "expected no trigger of a guarantee"),
            (trigger is None or (full is not None and 0 <= full < trigger),
             "expected an exit_kg_per_ha below the trigger_kg_per_ha"),
            (person_of(self.party) != person_of(self.farmer_id),
             "expected another person than the farmer: nobody stands in for himself"),
        )  # fmt: skip
        return [f"{self.cover_id[:40]}: {words}" for holds, words in rules if not holds]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside a line on a day, and the consents under which it is read."""

    covers: tuple[CoverView, ...] = ()
    dues: tuple[DuesView, ...] = ()
    consent_ids: tuple[str, ...] = ()


NOTHING_BESIDE = Beside()


def beside(work: Work, farmer_id: str, product: Product, on: date) -> Beside:
    """What stands beside the lines of a farmer on a day."""
    covering, owing = covers_of(work, farmer_id, product, on), dues_of(work, farmer_id, product, on)
    insured = any(each.kind is CoverKind.INSURANCE for each in covering)
    under = insured_by_consent(work, farmer_id) if insured else ()
    return Beside(covering, owing, tuple(sorted({*under, *(each.consent_id for each in owing)})))


def learn_beside(work: Work, farmer_ids: Sequence[str]) -> None:
    """Read what stands beside many lines in two questions."""
    covers.learn(work.tx, farmer_ids)
    bureau.learn_answers(work.tx, farmer_ids)


def changed_beside(
    product: Product, past: Sequence[Mapping[str, object]], now: Seen, on: date
) -> tuple[tuple[Reason, ...], bool]:
    """What changed beside a line since the review before, and whether it lost by it.

    Parameters
    ----------
    past
        The views on the record of the review before.

    Returns
    -------
    tuple
        The reasons for the farmer; and whether support fell out, or more is owed elsewhere.
    """
    if product.cover is None and product.bureau is None:
        return (), False
    before = read_beside(past)
    return _explained(product, before, now, on), _has_less(product, before, now, on)


def _explained(product: Product, before: Beside, now: Seen, on: date) -> tuple[Reason, ...]:
    found = [
        Reason(ReasonCode.LIMIT_COVER_ENDED, {"party": each.party})
        for each in ended_since(before.covers, now.covers, on)
    ]
    counted = {each.cover_id for each in before.covers if each.as_counted}
    found += [
        Reason(ReasonCode.LIMIT_COVER_COUNTS, {"party": each.party})
        for each in now.covers
        if each.as_counted and each.cover_id not in counted
    ]
    then, known = _dues_minor(before), known_dues(product, now.dues, on)
    owes = (known.dues_minor + known.liens_minor) if known else then
    if owes != then:
        more = ReasonCode.LIMIT_DUES_MORE if owes > then else ReasonCode.LIMIT_DUES_LESS
        found.append(Reason(more))
    if is_unknown(product, now, on):
        found.append(Reason(ReasonCode.LIMIT_DUES_UNKNOWN))
    return tuple(found)


def _has_less(product: Product, before: Beside, now: Seen, on: date) -> bool:
    known = known_dues(product, now.dues, on)
    owes_more = known is not None and known.dues_minor + known.liens_minor > _dues_minor(before)
    return owes_more or bool(ended_since(before.covers, now.covers, on))


def _dues_minor(seen: Beside) -> int:
    """What was believed at the review before [minor units]."""
    believed = [each for each in seen.dues if not each.stale]
    return max((each.dues_minor + each.liens_minor for each in believed), default=0)


def read_beside(views: Sequence[Mapping[str, object]]) -> Beside:
    """What stood beside a line by the views of a movement's record."""
    return Beside(
        tuple(decode(CoverView, dict(view)) for view in views if "cover_id" in view),
        tuple(decode(DuesView, dict(view)) for view in views if "query_id" in view),
    )


def paid_minor(tx: Tx, steps: Sequence[CoverStep]) -> int:
    """What a cover has paid, and what of it did not bounce [minor units]."""
    paid = [each for each in steps if each.event is CoverEvent.PAID]
    return sum(
        each.sum_minor
        for each in paid
        if bounces.find(tx, repayment_of(each.cover_id, str(each.content["reference"]))) is None
    )


def repayment_of(cover_id: str, reference: str) -> str:
    """The repayment that a cover's payment was booked as."""
    return f"cover/{cover_id}/{reference}"


def covers_of(work: Work, farmer_id: str, product: Product, on: date) -> tuple[CoverView, ...]:
    """The covers behind a farmer as a review sees them, those that are over among them.

    What was paid out counts no more. Without the farmer's consent no insurance stands.
    """
    steps = covers.of_farmer(work.tx, farmer_id) if product.cover is not None else ()
    if not steps:
        return ()
    consented = bool(insured_by_consent(work, farmer_id))
    views = [_view(work.tx, each) for each in by_cover(steps)]
    return tuple(
        replace(view, counted=standing_of(view, on) is CoverStanding.IN_FORCE)
        for view in views
        if view.kind is not CoverKind.INSURANCE or consented
    )


def _view(tx: Tx, steps: Sequence[CoverStep]) -> CoverView:
    said = decode(CoverWord, dict(steps[0].content))
    ended = steps[-1].event is CoverEvent.ENDED
    return CoverView(
        cover_id=said.cover_id,
        kind=said.kind,
        party=said.party,
        from_on=said.from_on,
        until_on=said.until_on,
        currency=said.currency,
        sum_minor=0 if ended else said.sum_minor - paid_minor(tx, steps),
        said_on=said.said_on,
        source=steps[0].sha256,
        share_ppm=said.share_ppm,
        trigger_kg_per_ha=said.trigger_kg_per_ha,
        exit_kg_per_ha=said.exit_kg_per_ha,
    )


def insured_by_consent(work: Work, farmer_id: str) -> tuple[str, ...]:
    """The consents by which an insurer may be told of a farmer; none if it may not."""
    return may(work.tx, farmer_id, TELL_INSURER).consent_ids


def by_cover(steps: Sequence[CoverStep]) -> list[list[CoverStep]]:
    """The steps of each cover."""
    found: dict[str, list[CoverStep]] = defaultdict(list)
    for step in steps:
        found[step.cover_id].append(step)
    return list(found.values())


def person_of(name: str) -> str:
    """A person's id as it is compared: without the kind before it, spaces and capitals."""
    return name.strip().casefold().removeprefix("farmer:")
