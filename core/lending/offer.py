"""The parts of an offer that most kinds of product share."""

from __future__ import annotations

from dataclasses import dataclass

from core.lending.accrual import DayCount


@dataclass(frozen=True, slots=True)
class StageTerms:
    """What a growth stage releases.

    ``released_ppm`` is the share of the season's cost that may be out by then,
    ``ltv_ppm`` the share of the harvest's lower-quantile value that may be lent.
    ``usual_from_day`` is when the calendar expects the stage [days since sowing];
    it explains a delay and releases nothing. ``on_plan`` lends this stage's share
    whatever harvest is estimated, because seedlings say little of it; absent, only
    the first stage is.
    """

    stage: str
    released_ppm: int
    ltv_ppm: int
    usual_from_day: int
    on_plan: bool | None = None


@dataclass(frozen=True, slots=True)
class AgreementTerms:
    """What the farmer may still do after agreeing.

    Up to ``cooling_off_days`` after the day of the first drawdown the agreement may be left
    without a reason; what was drawn is then due ``withdrawn_repay_days`` after that, with
    interest up to the day of its repayment and nothing on top: the fees are given back.
    """

    cooling_off_days: int
    withdrawn_repay_days: int


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """Farm-gate price, with its date and source, and what is taken off it."""

    price_minor_per_kg: int
    as_of: str
    source: str
    price_haircut_ppm: int
    post_harvest_loss_ppm: int


@dataclass(frozen=True, slots=True)
class HerdTerms:
    """What an animal is worth, costs to feed a season, and lends [minor units a head].

    From ``forage_full_ppm`` of normal forage on, the pasture carries the whole herd;
    below it, that much less; absent, only a normal pasture carries it whole. After
    ``grazing_to`` (a date) the grass of the dry season moves no limit. Where
    ``tags_required``, only animals whose ear tags were read count. Feed that was bought, by
    its invoices, carries what the pasture does not: ``feed_minor_per_head`` feeds a head
    for the season. Of a slaughter's settlement ``settlement_repay_ppm`` goes to the line.
    """

    value_minor_per_head: int
    scale_minor_per_head: int
    ltv_ppm: int
    forage_floor_ppm: int  # below this share of normal forage nothing new is lent
    forage_full_ppm: int | None = None
    grazing_to: str | None = None
    tags_required: bool | None = None
    feed_minor_per_head: int | None = None
    settlement_repay_ppm: int | None = None


@dataclass(frozen=True, slots=True)
class MovementTerms:
    """How a limit may move.

    A rise leaves ``raise_margin_ppm`` of what the harvest carries and the season
    repays unlent, so that the next look's noise does not take it back; a cut knows no
    margin. Between the two the limit holds. A review raises by at most ``raise_max_ppm`` of
    the limit, or of what a new line is opened with if that is more. A rise needs
    ``raise_sources_min`` independent sources.
    """

    change_min_ppm: int  # smaller changes are ignored
    raise_looks_min: int  # fresh evidences in a row that must support a rise
    fresh_days_max: int  # evidence older than this moves nothing
    stale_days_max: int  # after so many days unseen, new draws freeze
    raise_margin_ppm: int | None = None
    cut_looks_min: int | None = None  # looks in a row that must be worse; one if absent
    raise_max_ppm: int | None = None  # of a limit, a review
    raise_sources_min: int | None = None


@dataclass(frozen=True, slots=True)
class CreditTerms:
    """Price and caps of the line."""

    rate_ppm: int
    day_count: DayCount
    fee_ppm: int
    apr_cap_ppm: int
    limit_max_minor: int
    rounding_unit_minor: int
    draw_step_minor: int
    term_days: int


@dataclass(frozen=True, slots=True)
class CapacityTerms:
    """What a household needs before it can repay [minor units a season]."""

    living_cost_minor_per_person: int


@dataclass(frozen=True, slots=True)
class DecisionTerms:
    """Delegated authority: what a station may decide without the centre.

    A feature of whose readings more than ``unsigned_ppm_max`` rest on no signature of a
    device is missing; absent, ``core.scoring.features.UNSIGNED_PPM_MAX`` counts.
    After ``asks_max`` applications in 30 days that opened no line a person looks; absent,
    ``core.decision.policy.ASKS_MAX`` counts. An appeal is answered within
    ``appeal_days`` civil days; absent, ``core.wire.appeals.ANSWER_DAYS`` counts.
    """

    approve_pd_ppm_max: int
    refer_pd_ppm_max: int
    authority_minor_max: int
    coverage_ppm_min: int
    known_features_min: int
    purposes: tuple[str, ...]
    unsigned_ppm_max: int | None = None
    asks_max: int | None = None
    appeal_days: int | None = None


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How much a station may hold, and for how long."""

    term_days: int
    share_of_headroom_ppm: int
    onboarding_lines_max: int
    onboarding_minor_per_line: int


@dataclass(frozen=True, slots=True)
class CoverTerms:
    """What covers may count for.

    Only the word of ``insurers`` counts; ``insured_counts`` is ``payout_p10``, what would
    be paid out at the harvest's lower quantile, or ``sum``, the sum insured; both at most
    ``insured_minor_per_ha``. Guarantors stand for at most ``guaranteed_ppm_max`` of what
    the stage costs, one of them for at most ``guarantor_minor_max``.
    """

    insurers: tuple[str, ...]
    insured_counts: str
    insured_minor_per_ha: int
    guaranteed_ppm_max: int
    guarantor_minor_max: int

    @property
    def counts_sum(self) -> bool:
        """Whether the sum insured counts, and not what would be paid out."""
        return self.insured_counts == "sum"

    def faults(self) -> list[str]:
        """What cannot be, in words."""
        if self.insured_counts in ("payout_p10", "sum"):
            return []
        got = self.insured_counts[:40]
        return [f"cover.insured_counts: expected payout_p10 or sum, got {got!r}"]


@dataclass(frozen=True, slots=True)
class BureauTerms:
    """Whose word on debts elsewhere counts, and for how long.

    An answer is believed for ``answer_days_max`` from the day that it speaks of, then it is
    unknown. Where it is ``required``, no limit rises without one.
    """

    bureaus: tuple[str, ...]
    answer_days_max: int
    required: bool

    def faults(self) -> list[str]:
        """What cannot be, in words."""
        if self.bureaus and self.answer_days_max > 0:
            return []
        got = f"{len(self.bureaus)} and {self.answer_days_max}"
        return [f"bureau: expected at least one bureau and answer_days_max above 0, got {got}"]
