"""A comparison and a drift in sentences, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from core.units import PPM
from server.services.model_life.comparison import Comparison, Share, Swap
from server.services.model_life.drift import Drift


def percent(ppm: int) -> str:
    """A share for people."""
    return f"{ppm * 100 / PPM:.1f} %"


def index(psi_ppm: int) -> str:
    """A stability index as the books write it."""
    return f"{psi_ppm / PPM:.3f}"


def told_share(found: Share) -> str:
    """A share with its interval."""
    return f"{found.count} of {found.of} ({percent(found.low_ppm)} to {percent(found.high_ppm)})"


def told_comparison(found: Comparison) -> Iterator[str]:
    """What a person should know of a comparison, line by line."""
    yield f"{found.cards_count} cards scored by both, up to {found.on}"
    yield f"they agree on {told_share(found.agree)}"
    yield _swap("the challenger alone would approve", found.swapped_in)
    yield _swap("the model in use alone would approve", found.swapped_out)
    yield f"their promises differ by {index(found.psi_ppm)} ({found.alarm.value})"
    if found.ranked is None:
        yield "too few ends are known to say who ranks better"
        return
    ranked = found.ranked
    yield (
        f"of {ranked.known_count} ended lines {ranked.lost_count} were lost: AUC "
        f"{index(ranked.challenger_auc_ppm)} ({index(ranked.challenger.low_ppm)} to "
        f"{index(ranked.challenger.high_ppm)}) against {index(ranked.champion_auc_ppm)} "
        f"({index(ranked.champion.low_ppm)} to {index(ranked.champion.high_ppm)}); difference "
        f"{index(ranked.gain.low_ppm)} to {index(ranked.gain.high_ppm)}"
    )


def _swap(words: str, swap: Swap) -> str:
    ended = f"; of {swap.known_count} that ended {swap.lost_count} were lost"
    return f"{words} {told_share(swap.cards)}{ended if swap.known_count else ''}"


def told_drift(found: Drift) -> Iterator[str]:
    """How far a model has drifted, the parts that moved most first."""
    yield (
        f"version {found.version}: {found.decisions_count} decisions at {found.stations_count} "
        f"stations, {percent(found.refused_ppm)} refused: {found.alarm.value}"
    )
    if not found.compared:
        yield "the model names no reference: it is counted and not compared"
    for part in sorted(found.parts, key=lambda each: -each.psi_ppm):
        word = part.alarm.value if part.told else "too few to say"
        yield f"{index(part.psi_ppm):>8}  {part.name}  {word} (chance: {index(part.noise_ppm)})"
