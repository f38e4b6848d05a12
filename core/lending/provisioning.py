"""How bad a loan is, and what is set aside for it: dated data and a few whole-number rules.

Lateness is counted in days since the oldest unpaid due date. Stages follow IFRS 9 (5.5):
stage 1 performs, stage 2 has become riskier since it was lent (late beyond one threshold,
or on the watch list), stage 3 has failed (late beyond the other). The expected loss is
PD × LGD × EAD, where PD comes from the steps of the points table that decided the loan,
LGD and what an undrawn limit adds to EAD from the rules in force on the day. That PD is of
twelve months; in stage 2 the loss of the whole life is expected, so it is carried on to the
loan's last due date (:func:`lifetime_pd_ppm`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Any

from core.errors import ProvisioningError, ShapeError
from core.shape import decode
from core.units import PPM, civil_date, divide_half_even

# The upper end of each bucket [days late]; 0 is not late, and there is one above the last.
BUCKETS_DAYS = (0, 30, 60, 90, 180)
PAR_DAYS = (30, 60, 90)
PROBATION_MONTHS_MAX = 120
YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class LossGivenDefault:
    """What is lost of a loan of a product once it has failed."""

    product_id: str
    lgd_ppm: int


@dataclass(frozen=True, slots=True)
class ProvisioningRules:
    """A version of the rules, in force from a day on.

    A loan is in stage 2 when it is late by more than ``stage2_days``, or on the watch list
    and ``watch_is_stage2``; in stage 3 when late by more than ``stage3_days``. Its PD is
    at least ``pd_ppm_min``, in stage 2 at least ``stage2_pd_ppm_min`` as well, in stage 3 all of
    it; ``unscored_pd_ppm`` stands for a loan without a score. ``undrawn_ppm`` of a free limit
    counts as drawn by the time of failure. A loan whose plan was made anew is at least in
    stage 2 for ``probation_months``.
    """

    version: int
    effective_from: str
    source: str
    stage2_days: int
    stage3_days: int
    watch_is_stage2: bool
    pd_ppm_min: int
    stage2_pd_ppm_min: int
    unscored_pd_ppm: int
    undrawn_ppm: int
    lgd_ppm: int
    lgd: tuple[LossGivenDefault, ...] = ()
    probation_months: int = 24

    def lgd_of(self, product_id: str) -> int:
        """What is lost of a product's loan that failed [ppm]."""
        named = {each.product_id: each.lgd_ppm for each in self.lgd}
        return named.get(product_id, self.lgd_ppm)


@dataclass(frozen=True, slots=True)
class Risk:
    """What one loan's provision is computed from [minor units].

    ``forborne_months`` is how long ago its plan was made anew; absent where it never was.
    ``remaining_days`` is how long it still runs.
    """

    product_id: str
    late_days: int
    watch: bool
    owed_minor: int
    undrawn_minor: int
    pd_ppm: int | None
    forborne_months: int | None = None
    remaining_days: int = 0


@dataclass(frozen=True, slots=True)
class Provision:
    """A loan's stage, its exposure at default, and the loss to be expected [minor units]."""

    stage: int
    pd_ppm: int
    lgd_ppm: int
    ead_minor: int
    expected_loss_minor: int


def parse_provisioning(table: Mapping[str, Any]) -> ProvisioningRules:
    """Read the rules from a parsed TOML table and hold them against themselves.

    Raises
    ------
    ProvisioningError
        If a field is missing or cannot be; all faults are named at once.
    """
    try:
        rules = decode(ProvisioningRules, dict(table))
    except ShapeError as error:
        raise ProvisioningError(f"provisioning rules: {error}") from error
    faults = _faults(rules)
    if faults:
        raise ProvisioningError(f"provisioning, version {rules.version}: " + "; ".join(faults))
    return rules


def _faults(rules: ProvisioningRules) -> list[str]:
    shares = {
        "pd_ppm_min": rules.pd_ppm_min,
        "stage2_pd_ppm_min": rules.stage2_pd_ppm_min,
        "unscored_pd_ppm": rules.unscored_pd_ppm,
        "undrawn_ppm": rules.undrawn_ppm,
        "lgd_ppm": rules.lgd_ppm,
        **{f"lgd.{each.product_id}": each.lgd_ppm for each in rules.lgd},
    }
    faults = [f"{name} must be 0 to 1,000,000 ppm, got {ppm}" for name, ppm in shares.items()
              if not 0 <= ppm <= PPM]  # fmt: skip
    if rules.version < 1:
        faults.append(f"version must be at least 1, got {rules.version}")
    if civil_date(rules.effective_from) is None:
        faults.append(f"effective_from must be a date, got {rules.effective_from!r}")
    if not 0 <= rules.probation_months <= PROBATION_MONTHS_MAX:
        faults.append(f"probation_months must be 0 to {PROBATION_MONTHS_MAX}")
    if not 0 <= rules.stage2_days < rules.stage3_days:
        faults.append("expected 0 <= stage2_days < stage3_days")
    if len({each.product_id for each in rules.lgd}) != len(rules.lgd):
        faults.append("lgd must name each product once")
    return faults


def provision(rules: ProvisioningRules, risk: Risk) -> Provision:
    """A loan's stage and expected loss, rounded half to even once."""
    stage = stage_of(rules, risk.late_days, watch=risk.watch)
    if risk.forborne_months is not None and risk.forborne_months < rules.probation_months:
        stage = max(stage, 2)
    scored_ppm = rules.unscored_pd_ppm if risk.pd_ppm is None else risk.pd_ppm
    pd_ppm = PPM if stage == 3 else max(scored_ppm, rules.pd_ppm_min)
    if stage == 2:
        lifetime_ppm = lifetime_pd_ppm(pd_ppm, risk.remaining_days)
        pd_ppm = max(lifetime_ppm, rules.stage2_pd_ppm_min)
    # Whoever has failed draws no more.
    undrawn_ppm = 0 if stage == 3 else rules.undrawn_ppm
    ead = risk.owed_minor + divide_half_even(max(0, risk.undrawn_minor) * undrawn_ppm, PPM)
    lgd_ppm = rules.lgd_of(risk.product_id)
    return Provision(stage, pd_ppm, lgd_ppm, ead, expected_loss_minor(pd_ppm, lgd_ppm, ead))


def lifetime_pd_ppm(pd_ppm: int, remaining_days: int) -> int:
    """The PD of a loan's whole remaining life from that of twelve months [ppm].

    Who has not failed by then is as likely to fail in each year that follows: 1 − (1 − PD)^years,
    rounded half to even. A loan that ends within a year keeps the PD of twelve months.
    """
    if remaining_days <= YEAR_DAYS:
        return pd_ppm
    years = Decimal(remaining_days) / YEAR_DAYS
    survives = (Decimal(PPM - pd_ppm) / PPM) ** years if pd_ppm < PPM else Decimal(0)
    return int(((1 - survives) * PPM).to_integral_value(ROUND_HALF_EVEN))


def stage_of(rules: ProvisioningRules, late_days: int, *, watch: bool) -> int:
    """The stage of a loan: 1 performs, 2 is riskier than when it was lent, 3 has failed."""
    if late_days > rules.stage3_days:
        return 3
    riskier = late_days > rules.stage2_days or (watch and rules.watch_is_stage2)
    return 2 if riskier else 1


def expected_loss_minor(pd_ppm: int, lgd_ppm: int, ead_minor: int) -> int:
    """PD × LGD × EAD, rounded half to even [minor units]."""
    return divide_half_even(pd_ppm * lgd_ppm * ead_minor, PPM * PPM)


def bucket_of(late_days: int) -> int:
    """The place of a lateness among ``BUCKETS_DAYS`` and the one above."""
    return sum(late_days > upper for upper in BUCKETS_DAYS)


def bucket_words() -> tuple[str, ...]:
    """What each bucket is called."""
    named = [f"{low + 1}–{high} days" for low, high in pairwise(BUCKETS_DAYS)]
    return ("not late", *named, f"over {BUCKETS_DAYS[-1]} days")
