"""How a limit moves: slowly up, at once down, never on what was not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from core.lending.concentration import Ceiling, Dimension
from core.lending.kinds.terms import Terms
from core.lending.product import Product, ProductKind
from core.lending.views import HerdView, MachineView, PlotView, StoreView
from core.reasons import Reason, ReasonCode
from core.units import PPM, floor_to_unit


class Movement(Enum):
    """What a review did."""

    OPENED = "opened"
    RAISED = "raised"
    CUT = "cut"
    HELD = "held"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class Standing:
    """The line as it stands before a review.

    ``supported_minor`` are the limits that the latest reviews computed while a rise
    was waiting for another look, oldest first. ``season_over`` says that all that the
    line rests on was harvested: no picture moves the limit any more. ``worsened`` says
    that the estimate fell, beyond the product's margin, from what it was when the
    limit was last set: without that nothing has happened that could cut it.
    ``sources_count`` says in how many independent ways the evidence is known, ``ceiling``
    how high the caps on the book's spread let the line rise today; nothing else heeds it.
    ``raise_waits`` says why nothing may rise, whatever was seen.
    """

    limit_minor: int
    outstanding_minor: int
    leased_unspent_minor: int
    frozen: bool = False
    supported_minor: tuple[int, ...] = ()
    season_over: bool = False
    worsened: bool = True
    sources_count: int = 1
    ceiling: Ceiling | None = None
    raise_waits: ReasonCode | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """The outcome of a review: the new limit, why, and what it rests on."""

    movement: Movement
    limit_minor: int
    terms: Terms | None
    reasons: tuple[Reason, ...]
    evidence_ids: tuple[str, ...]
    policy_version: str
    supported_minor: tuple[int, ...] = ()
    watch: bool = False


def estimate(
    plots: Sequence[PlotView], herds: Sequence[HerdView],
    others: Sequence[MachineView | StoreView] = (),
) -> int | None:  # fmt: skip
    """The lower quantile of all that a line rests on, in one number; None if unknown.

    Harvest [kg × m²/ha] of its plots, fed heads [heads × ppm] of its herds, worked area
    [m²] of its machines, or stock [kg] of its stores: only good for holding one day's
    against another's.
    """
    parts = [(plot.area_m2, plot.yield_p10_kg_per_ha) for plot in plots]
    parts += [(herd.standing_heads, herd.forage_p10_ppm) for herd in herds]
    parts += [(1, each.area_m2 if isinstance(each, MachineView) else each.level_kg)
              for each in others]  # fmt: skip
    if any(part is None for _, part in parts):
        return None
    return sum(size * (part or 0) for size, part in parts)


def has_worsened(product: Product, then: int | None, looks: Sequence[int | None]) -> bool:
    """Whether an estimate fell by more than the product's margin, on enough looks in a row.

    A product without a margin takes every estimate as it comes.

    Parameters
    ----------
    then
        The estimate when the limit was last set.
    looks
        The estimates of the looks since then, newest last.
    """
    margin_ppm = product.movement.raise_margin_ppm
    if margin_ppm is None:
        return True
    wanted = product.movement.cut_looks_min or 1
    latest = looks[-wanted:]
    if then is None or len(latest) < wanted:
        return False
    return all(now is not None and now * PPM < then * (PPM - margin_ppm) for now in latest)


def review(
    product: Product,
    standing: Standing,
    terms: Terms | None,
    age_days: int,
    evidence_ids: Sequence[str],
    context: Sequence[Reason] = (),
) -> Review:
    """Move, hold or freeze a limit.

    Parameters
    ----------
    terms
        From :func:`core.lending.limit.limit_terms`; None holds.
    age_days
        Age of the oldest last clear look among what the line rests on [days].
    context
        Reasons that explain the evidence (stage seen, harvest lower), most
        important first; the movement's own reasons follow.
    """
    found = _Verdict(product, standing, tuple(evidence_ids), tuple(context))
    if standing.season_over:
        return found.hold(Movement.HELD, terms, (Reason(ReasonCode.LIMIT_SEASON_OVER),))
    is_silent = product.kind.pledge in ("machine", "store")  # no cloud hides these
    if age_days > product.movement.stale_days_max:
        stale = Reason(_UNSEEN[is_silent][0], {"days": str(age_days)})
        return found.hold(Movement.FROZEN, terms, (stale,))
    if terms is None or age_days > product.movement.fresh_days_max:
        return found.hold(Movement.HELD, terms, (Reason(_UNSEEN[is_silent][1]),))
    target = _target(product, standing, terms)
    change = target - standing.limit_minor
    held = _too_little(product, standing, change)
    if held is not None:
        return found.hold(Movement.HELD, terms, (Reason(held),))
    if change < 0:
        return found.move(Movement.CUT, target, terms)
    return _raise(found, target, terms)


def _target(product: Product, standing: Standing, terms: Terms) -> int:
    """Where the limit is drawn: between the limit with the margin and without it, nowhere."""
    unit = product.credit.rounding_unit_minor
    lowest = terms.limit(unit, product.movement.raise_margin_ppm or 0)
    return min(max(standing.limit_minor, lowest), terms.limit(unit))


def _too_little(product: Product, standing: Standing, change: int) -> ReasonCode | None:
    """Why a change does not move the limit; None if it does."""
    if change == 0 or (change < 0 and not standing.worsened):
        return ReasonCode.LIMIT_UNCHANGED
    if abs(change) * PPM < standing.limit_minor * product.movement.change_min_ppm:
        return ReasonCode.LIMIT_SMALL_CHANGE
    return None


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What every outcome of one review shares."""

    product: Product
    standing: Standing
    evidence_ids: tuple[str, ...]
    context: tuple[Reason, ...]

    def hold(
        self,
        movement: Movement,
        terms: Terms | None,
        reasons: tuple[Reason, ...],
        supported: tuple[int, ...] = (),
    ) -> Review:
        limit = self.standing.limit_minor
        context = self.context if movement is Movement.HELD and supported else ()
        return self._review(movement, limit, terms, (*context, *reasons), supported)

    def move(
        self, movement: Movement, limit_minor: int, terms: Terms, step: Reason | None = None
    ) -> Review:
        reasons = self.context + _binding_reasons(terms) or (self._plain(terms),)
        reasons = reasons if step is None else (*reasons, step)
        return self._review(movement, limit_minor, terms, reasons, ())

    def _plain(self, terms: Terms) -> Reason:
        """What is said where the evidence has no words: nothing was new in it but its date."""
        return Reason(_PLAIN.get((self.product.kind, terms.binding), _BOUND[terms.binding]))

    def _review(
        self,
        movement: Movement,
        limit_minor: int,
        terms: Terms | None,
        reasons: tuple[Reason, ...],
        supported: tuple[int, ...],
    ) -> Review:
        used = self.standing.outstanding_minor + self.standing.leased_unspent_minor
        watch = used > limit_minor
        if watch and movement is Movement.CUT:
            reasons = (*reasons, Reason(ReasonCode.LIMIT_WATCH))
        return Review(
            movement=movement,
            limit_minor=limit_minor,
            terms=terms,
            reasons=reasons,
            evidence_ids=self.evidence_ids,
            policy_version=self.product.policy_version(),
            supported_minor=supported,
            watch=watch,
        )


def _raise(found: _Verdict, target: int, terms: Terms) -> Review:
    waits = found.standing.raise_waits
    if found.standing.sources_count < (found.product.movement.raise_sources_min or 1):
        waits = waits or ReasonCode.LIMIT_SECOND_SOURCE
    if waits is not None:
        alone = (Reason(waits),)
        return found.hold(Movement.HELD, terms, alone, found.standing.supported_minor)
    supported = (*found.standing.supported_minor, target)
    looks = found.product.movement.raise_looks_min
    if len(supported) < looks:
        second = (Reason(ReasonCode.LIMIT_SECOND_LOOK),)
        return found.hold(Movement.HELD, terms, second, supported)
    # Only what every one of the latest looks supports is given.
    limit = min(supported[-looks:])
    if limit <= found.standing.limit_minor:
        second = (Reason(ReasonCode.LIMIT_SECOND_LOOK),)
        return found.hold(Movement.HELD, terms, second, supported[-looks:])
    risen, bound = _bounded(found, limit)
    if bound is not None and _is_held(found, risen, bound):
        is_step = bound.code is ReasonCode.LIMIT_RAISE_STEP
        # Where there is no room, what was seen stays seen: the rise goes on once there is.
        why, kept = (_SMALL, ()) if is_step else (bound, supported[-looks:])
        return found.hold(Movement.HELD, terms, (why,), kept)
    return found.move(Movement.RAISED, risen, terms, bound)


def _is_held(found: _Verdict, risen_minor: int, bound: Reason) -> bool:
    """Whether what is left of a rise is nothing, or by a cap less than a limit moves for."""
    standing, moves_ppm = found.standing, found.product.movement.change_min_ppm
    change = risen_minor - standing.limit_minor
    small = change * PPM < standing.limit_minor * moves_ppm
    return change <= 0 or (small and bound.code is not ReasonCode.LIMIT_RAISE_STEP)


def _bounded(found: _Verdict, limit_minor: int) -> tuple[int, Reason | None]:
    """How far a rise goes today, and what holds it back from going further."""
    step = _highest(found.product, found.standing)
    ceiling = found.standing.ceiling
    risen, bound = limit_minor, None
    if step is not None and step < risen:
        risen, bound = step, Reason(ReasonCode.LIMIT_RAISE_STEP)
    if ceiling is not None and ceiling.limit_minor < risen:
        unit = found.product.credit.rounding_unit_minor
        risen = floor_to_unit(ceiling.limit_minor, unit)
        bound = Reason(_SPREAD[ceiling.dimension])
    return risen, bound


def _highest(product: Product, standing: Standing) -> int | None:
    """How high one review may raise a limit; None if the product does not say."""
    most_ppm = product.movement.raise_max_ppm
    if most_ppm is None:
        return None
    base = max(standing.limit_minor, product.lease.onboarding_minor_per_line)
    step = standing.limit_minor + base * most_ppm // PPM
    return floor_to_unit(step, product.credit.rounding_unit_minor)


_SMALL = Reason(ReasonCode.LIMIT_SMALL_CHANGE)
_SPREAD = {
    Dimension.CROP: ReasonCode.LIMIT_SPREAD_CROP,
    Dimension.VILLAGE: ReasonCode.LIMIT_SPREAD_VILLAGE,
    Dimension.CELL: ReasonCode.LIMIT_SPREAD_CELL,
}
_BOUND = {
    "collateral": ReasonCode.LIMIT_HARVEST,
    "stage_cost": ReasonCode.LIMIT_STAGE_COST,
}
_UNSEEN = {
    False: (ReasonCode.LIMIT_STALE_FROZEN, ReasonCode.LIMIT_NOT_SEEN),
    True: (ReasonCode.LIMIT_SILENT_FROZEN, ReasonCode.LIMIT_THIN),
}
_PLAIN = {
    (ProductKind.LIVESTOCK, "collateral"): ReasonCode.LIMIT_HERD,
    (ProductKind.LIVESTOCK, "stage_cost"): ReasonCode.LIMIT_HERD,
    (ProductKind.MACHINERY, "collateral"): ReasonCode.LIMIT_SECURITY,
    (ProductKind.MACHINERY, "stage_cost"): ReasonCode.LIMIT_WORK,
    (ProductKind.RECEIPT, "collateral"): ReasonCode.LIMIT_STOCK,
    (ProductKind.REVOLVING, "stage_cost"): ReasonCode.LIMIT_YEAR,
}


def _binding_reasons(terms: Terms) -> tuple[Reason, ...]:
    if terms.binding == "capacity":
        return (Reason(ReasonCode.LIMIT_CAPACITY),)
    if terms.binding == "cap":
        return (Reason(ReasonCode.LIMIT_PRODUCT_CAP),)
    return ()
