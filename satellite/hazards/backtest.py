"""What the drought trigger would have been worth: real indemnities, years left out in turn.

Whatever is chosen or fitted (which index, which threshold, the gamma fits, the
means) is chosen on the other years; the left-out year is only judged. Beside it
stands the naive trigger, the Palmer index of spring, with its threshold chosen in
the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from satellite.hazards.indemnities import LAST_MONTH, MONTHS, Losses
from satellite.hazards.spi import fit_rain, spi_of

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

THRESHOLDS = 41  # tried between the 2nd and the 70th percentile
SPI_MONTHS = (2, 3, 6, 9, 12)
BALANCE_MONTHS = (2, 3, 6, 9)
PDSI_MONTHS = 3
EARLIEST_MONTH = 3  # March: winter wheat wakes


@dataclass(frozen=True, slots=True)
class Skill:
    """How a trigger did on years that it had not seen.

    Parameters
    ----------
    hit_rate
        Share of loss years in which it fired.
    false_alarm_rate
        Share of other years in which it fired.
    false_alarm_ratio
        Share of its alarms that were none.
    auc
        Chance that a loss year has the drier index than another year.
    hss
        Heidke's skill score: 0 chance, 1 perfect.
    correlation
        Of the index, dry positive, with the county's log indemnity (basis risk: what
        is left of the loss that the index does not follow).
    missed_share, missed_usd_share
        Loss years in which it did not fire, as a share of years and of dollars.
    chosen
        How often each index was chosen, by name.
    """

    hit_rate: float
    false_alarm_rate: float
    false_alarm_ratio: float
    auc: float
    hss: float
    correlation: float
    missed_share: float
    missed_usd_share: float
    chosen: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Backtest:
    """The trigger (SPI) beside others, and how many county-years it rests on.

    ``balance`` is rain less evaporative demand, ``naive`` the Palmer index;
    ``rain_known_until`` the trigger as it stands earlier, by the last month known.
    """

    county_years: int
    loss_years: int
    rain: Skill
    balance: Skill
    naive: Skill
    rain_known_until: Mapping[str, Skill]

    def facts(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        return asdict(self)


Score = Callable[[Losses, Flags], Array]


def backtest(losses: Losses) -> Backtest:
    """Judge the triggers, each year by the others."""
    rain = {f"spi_{k}": _spi(k) for k in SPI_MONTHS}
    balance = {f"balance_{k}": _balance(k) for k in BALANCE_MONTHS}
    return Backtest(
        county_years=losses.is_loss.size,
        loss_years=int(losses.is_loss.sum()),
        rain=_skill(losses, rain),
        balance=_skill(losses, balance),
        naive=_skill(losses, {"pdsi": _pdsi}),
        rain_known_until={
            MONTHS[month - 1]: _skill(losses.known_until(month), rain)
            for month in range(EARLIEST_MONTH, LAST_MONTH)
        },
    )


def report_lines(facts: dict[str, Any]) -> list[str]:
    """The table that the command prints."""
    columns = {"rain (SPI)": facts["rain"], "balance": facts["balance"], "PDSI": facts["naive"]}
    columns |= {f"SPI, to {m}": skill for m, skill in facts["rain_known_until"].items()}
    about = (
        f"{facts['county_years']} county-years, {facts['loss_years']} of them loss years; each "
        "year judged by what the others taught; months up to June unless said"
    )
    lines = [about, f"{'':<18}" + "".join(f"{head:>13}" for head in columns)]
    for name in facts["rain"]:
        if name != "chosen":
            values = "".join(f"{skill[name]:>13.3f}" for skill in columns.values())
            lines.append(f"{name:<18}{values}")
    for head, skill in columns.items():
        chosen = ", ".join(f"{name} {count}×" for name, count in skill["chosen"].items())
        lines.append(f"chosen for {head}: {chosen}")
    return lines


def _skill(losses: Losses, scores: Mapping[str, Score]) -> Skill:
    """Each year: fit the indices and choose index and threshold on the others."""
    years = len(losses.years)
    fired = np.zeros(losses.is_loss.shape, dtype=np.bool_)
    dryness = np.zeros(losses.is_loss.shape)
    chosen: dict[str, int] = {}
    for year in range(years):
        others = np.arange(years) != year
        tried = {name: score(losses, others) for name, score in scores.items()}
        name, threshold = _choice(tried, losses.is_loss, others)
        chosen[name] = chosen.get(name, 0) + 1
        dryness[:, year] = -tried[name][:, year]
        fired[:, year] = tried[name][:, year] <= threshold
    return _judged(losses, fired, dryness, dict(sorted(chosen.items())))


def _choice(tried: Mapping[str, Array], is_loss: Flags, others: Flags) -> tuple[str, float]:
    """The index and threshold with the best Heidke score on the training years."""
    best = (-np.inf, "", 0.0)
    for name, index in tried.items():
        known = index[:, others]
        for threshold in np.quantile(known, np.linspace(0.02, 0.70, THRESHOLDS)):
            score = heidke(known <= threshold, is_loss[:, others])
            best = max(best, (score, name, float(threshold)))
    return best[1], best[2]


def _judged(losses: Losses, fired: Flags, dryness: Array, chosen: dict[str, int]) -> Skill:
    is_loss, usd = losses.is_loss, losses.indemnity_usd
    logged = np.log1p(usd)
    logged = logged - logged.mean(axis=1, keepdims=True)
    missed = is_loss & ~fired
    return Skill(
        hit_rate=float(fired[is_loss].mean()),
        false_alarm_rate=float(fired[~is_loss].mean()),
        false_alarm_ratio=float((~is_loss)[fired].mean()) if fired.any() else 0.0,
        auc=auc(dryness, is_loss),
        hss=heidke(fired, is_loss),
        correlation=float(np.corrcoef(dryness.ravel(), logged.ravel())[0, 1]),
        missed_share=float(missed.sum() / is_loss.sum()),
        missed_usd_share=float(usd[missed].sum() / usd[is_loss].sum()),
        chosen=chosen,
    )


def heidke(fired: Flags, happened: Flags) -> float:
    """Heidke's skill score of yes-or-no forecasts (Heidke 1926); 0 where undefined."""
    a, b = float((fired & happened).sum()), float((fired & ~happened).sum())
    c, d = float((~fired & happened).sum()), float((~fired & ~happened).sum())
    below = (a + c) * (c + d) + (a + b) * (b + d)
    return 2 * (a * d - b * c) / below if below else 0.0


def auc(dryness: Array, happened: Flags) -> float:
    """Area under the ROC curve, by ranks (Mann & Whitney 1947); ties count half."""
    yes, no = dryness[happened], np.sort(dryness[~happened])
    below = np.searchsorted(no, yes, side="left")
    upto = np.searchsorted(no, yes, side="right")
    return float(((below + upto) / 2).mean() / len(no))


def _spi(months: int) -> Score:
    def score(losses: Losses, others: Flags) -> Array:
        totals = losses.months["pr"][:, :, -months:].sum(axis=2)
        found = np.zeros(totals.shape)
        for county, row in enumerate(totals):
            fit = fit_rain(row[others])
            if fit is not None:
                found[county] = spi_of(fit, row)
        return found

    return score


def _balance(months: int) -> Score:
    """Rain less evaporative demand, in standard deviations of the other years."""

    def score(losses: Losses, others: Flags) -> Array:
        gap = (losses.months["pr"] - losses.months["pet"])[:, :, -months:].sum(axis=2)
        known = gap[:, others]
        mean, sd = known.mean(axis=1, keepdims=True), known.std(axis=1, ddof=1, keepdims=True)
        result: Array = (gap - mean) / sd
        return result

    return score


def _pdsi(losses: Losses, others: Flags) -> Array:
    del others  # the Palmer index comes fitted
    result: Array = losses.months["pdsi"][:, :, -PDSI_MONTHS:].mean(axis=2)
    return result
