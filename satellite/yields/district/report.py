"""What a backtest says: as facts for machines, as lines for people."""

from __future__ import annotations

from typing import Any

from satellite.yields.district.choice import Choice, Step
from satellite.yields.district.forward import (
    SEASON_COVER_MIN,
    WORSE_SHARE_MAX,
    Skill,
    Told,
    skill_of,
    told_forward,
)
from satellite.yields.district.rungs import Rungs
from satellite.yields.district.table import DistrictTable
from satellite.yields.model import Prior
from satellite.yields.prior import prior_quantiles

DIGITS = 4
MONTH_NAMES = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
LEAST_MONTHS = 1


def backtest_summary(table: DistrictTable, first_season: int) -> dict[str, Any]:
    """A backtest with its lead times, fit for JSON."""
    told = told_forward(table, first_season)
    skill = skill_of(told)
    return {
        "districts": len(table.units),
        "chosen_on": [table.seasons[i] for i in table.before(first_season).harvested],
        "held_out": list(told.seasons),
        "choice": _choice_facts(told.choice),
        "skill": _skill_facts(skill),
        "seasons": [_rounded(season) for season in _season_facts(skill)],
        "districts_over_average": [
            {"unit": unit, "rmse_ratio": round(ratio, DIGITS)} for unit, ratio in skill.districts
        ],
        "lead": [
            _lead(table.first_months(count), first_season)
            for count in range(LEAST_MONTHS, len(table.months) + 1)
        ],
    }


def backtest_lines(facts: dict[str, Any], worst: int) -> list[str]:
    """The same as tables, with the worst districts."""
    return [
        *_head_lines(facts),
        "",
        "season   NRMSE %  average    trend  MAPE %     R²  90 % covers  width kg/ha",
        *(_season_line(season) for season in facts["seasons"]),
        *_skill_lines(facts["skill"], len(facts["held_out"])),
        *(
            f"  {row['unit']:<24}{row['rmse_ratio']:.3f}"
            for row in facts["districts_over_average"][:worst]
        ),
        "",
        "known up to   NRMSE %  skill over average  90 % covers  width kg/ha  alarm AUC",
        *(_lead_line(row) for row in facts["lead"]),
    ]


def _head_lines(facts: dict[str, Any]) -> list[str]:
    choice, held_out = facts["choice"], facts["held_out"]
    chosen_on = ", ".join(map(str, facts["chosen_on"]))
    return [
        f"{facts['districts']} districts, {held_out[0]} to {held_out[-1]} told forward",
        f"every choice made on {chosen_on}: left-out NRMSE % there",
        *(
            f"{step['nrmse']:8.2f}  {'used    ' if step['admitted'] else 'not used'}  "
            + step["rungs"]
            for step in choice["ladder"]
        ),
        f"intervals: {choice['pooling']}, errors {choice['spread']}",
    ]


def _skill_lines(skill: dict[str, Any], seasons: int) -> list[str]:
    pooled = (
        f"pooled{skill['nrmse']:10.2f}{skill['nrmse_average']:9.2f}{skill['nrmse_trend']:9.2f}"
        f"{'':8}{skill['r2']:7.2f}{skill['covered']:13.2f}{skill['width_kg_per_ha']:13.0f}"
    )
    over = (
        f"skill over average {skill['skill_over_average']:+.3f}, "
        f"over trend {skill['skill_over_trend']:+.3f} (share of the squared error that is gone)"
    )
    covers = (
        f"seasons with at least {SEASON_COVER_MIN:.0%} of districts covered: "
        f"{skill['seasons_covered']} of {seasons}; width {skill['width_over_pooled']:.2f} x pooled"
    )
    no_worse = (
        f"districts at most {1 + WORSE_SHARE_MAX:.2f} x the average's error: "
        f"{skill['districts_no_worse']:.1%}; the worst:"
    )
    median = f"median over seasons {skill['nrmse_median']:.1f} %"
    return [pooled, median, "", over, covers, _alarm_line(skill["alarm"]), no_worse]


def prior_summary(crop: str, prior: Prior) -> dict[str, Any]:
    """What a plot of a district may yield before anything is seen of it."""
    quantiles = {name: round(value) for name, value in prior_quantiles(prior, 0.0).items()}
    return {
        "crop": crop,
        "mean_kg_per_ha": round(prior.mean_kg_per_ha, 1),
        "seasons": prior.seasons,
        "season_spread": round(prior.season_spread, DIGITS),
        "plot_spread": prior.plot_spread,
        "quantiles_kg_per_ha": quantiles,
        "source": prior.source,
    }


def prior_lines(facts: dict[str, Any]) -> list[str]:
    """The same for a reader."""
    q = facts["quantiles_kg_per_ha"]
    return [
        f"model {facts['sha256'][:16]}",
        (
            f"{facts['crop']}: district mean {facts['mean_kg_per_ha']:.0f} kg/ha over "
            f"{facts['seasons']} seasons ({facts['source']}); seasons vary by "
            f"{facts['season_spread']:.2f} of it, plots by {facts['plot_spread']:.2f}"
        ),
        (
            f"a plot: {q['p50']} kg/ha, 80 % within {q['p10']} to {q['p90']}, "
            f"90 % within {q['p05']} to {q['p95']}"
        ),
    ]


def rungs_words(rungs: Rungs) -> str:
    """The rungs in a few words, from the lowest."""
    parts = [rungs.base.value]
    if rungs.light.value != "none":
        parts.append(f"light x harvest index ({rungs.light.value})")
    if rungs.residual is not None:
        unit = "relative" if rungs.residual.relative else "absolute"
        parts.append(f"months ({rungs.residual.departure.value}, {unit}, "
                     f"{rungs.residual.penalty:g})")  # fmt: skip
    if rungs.own_response:
        parts.append("own response")
    return " + ".join(parts)


def _choice_facts(choice: Choice) -> dict[str, Any]:
    return {
        "rungs": rungs_words(choice.rungs),
        "pooling": choice.bounds.pooling.value,
        "spread": choice.bounds.spread.value,
        "alarm_below": round(choice.alarm_below, DIGITS),
        "ladder": [_step_facts(step) for step in choice.ladder],
    }


def _step_facts(step: Step) -> dict[str, Any]:
    return {
        "rungs": rungs_words(step.rungs),
        "nrmse": round(step.nrmse, DIGITS),
        "admitted": step.admitted,
    }


def _skill_facts(skill: Skill) -> dict[str, Any]:
    alarm = skill.alarm
    return _rounded(
        {
            "nrmse": skill.nrmse,
            "nrmse_median": skill.nrmse_median,
            "nrmse_average": skill.nrmse_average,
            "nrmse_trend": skill.nrmse_trend,
            "r2": skill.r2,
            "skill_over_average": skill.skill_over_average,
            "skill_over_trend": skill.skill_over_trend,
            "covered": skill.covered,
            "seasons_covered": skill.seasons_covered,
            "width_kg_per_ha": skill.width_kg_per_ha,
            "width_over_pooled": skill.width_over_pooled,
            "districts_no_worse": skill.districts_no_worse,
        }
    ) | {
        "alarm": _rounded(
            {
                "below": alarm.below,
                "auc": alarm.auc,
                "hit": alarm.hit,
                "false_alarm": alarm.false_alarm,
                "base_rate": alarm.base_rate,
            }
        )
    }


def _season_facts(skill: Skill) -> list[dict[str, Any]]:
    return [
        {
            "season": season.season,
            "nrmse": season.nrmse,
            "nrmse_average": season.nrmse_average,
            "nrmse_trend": season.nrmse_trend,
            "mape": season.mape,
            "r2": season.r2,
            "covered": season.covered,
            "width_kg_per_ha": season.width_kg_per_ha,
        }
        for season in skill.seasons
    ]


def _lead(table: DistrictTable, first_season: int) -> dict[str, Any]:
    told: Told = told_forward(table, first_season)
    skill = skill_of(told)
    return {
        "known_to": MONTH_NAMES[table.months[-1] - 1],
        "rungs": rungs_words(told.choice.rungs),
    } | (
        _rounded(
            {
                "nrmse": skill.nrmse,
                "skill_over_average": skill.skill_over_average,
                "covered": skill.covered,
                "seasons_covered": skill.seasons_covered,
                "width_kg_per_ha": skill.width_kg_per_ha,
                "auc": skill.alarm.auc,
            }
        )
    )


def _rounded(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(value, DIGITS) if isinstance(value, float) else value
        for name, value in facts.items()
    }


def _season_line(season: dict[str, Any]) -> str:
    return (
        f"{season['season']:>6}{season['nrmse']:10.1f}{season['nrmse_average']:9.1f}"
        f"{season['nrmse_trend']:9.1f}{season['mape']:8.0f}{season['r2']:7.2f}"
        f"{season['covered']:13.2f}{season['width_kg_per_ha']:13.0f}"
    )


def _alarm_line(alarm: dict[str, Any]) -> str:
    if alarm["auc"] is None:
        return "alarm: no harvest below 70 % of average, or all"
    return (
        f"alarm for harvests below 70 % of average ({alarm['base_rate']:.0%} of them): "
        f"AUC {alarm['auc']:.2f}; raised at a told share of {alarm['below']:.2f} or less: "
        f"hit {alarm['hit']:.2f}, false alarm {alarm['false_alarm']:.2f}"
    )


def _lead_line(row: dict[str, Any]) -> str:
    auc = "-" if row["auc"] is None else f"{row['auc']:.2f}"
    return (
        f"{row['known_to']:>11}{row['nrmse']:10.2f}{row['skill_over_average']:+20.3f}"
        f"{row['covered']:13.2f}{row['width_kg_per_ha']:13.0f}{auc:>11}"
    )
