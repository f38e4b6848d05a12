"""How often seeds meet each event, step, entry, record, refusal and death; what none meets.

``python -m tests.simulation --coverage SEEDS`` prints it. What is listed as *never* is either
out of this simulator's reach, for a reason that docs/simulated-world.md gives, or missing in
its events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from core.errors import CATALOGUE
from core.lending.agreement import TRANSITIONS
from core.lending.ledger import EntryKind
from core.lending.limit import Movement
from core.reasons import ReasonCode
from core.wire.records import Down, Up
from tests.simulation.events import KINDS
from tests.simulation.world import World

TITLES = {
    "event": "What befell somebody",
    "step": "Steps of agreements",
    "irregular step": "Steps that came late and are marked",
    "movement": "Movements of limits",
    "entry": "Entries of the ledger",
    "up": "Records of stations",
    "down": "Records of the centre",
    "code": "Refusals by number",
    "reason": "Reasons that were told",
    "cut": "Where processes died",
    "write": "Writes and commits that none died at",
}
WHOSE = ("a station", "the centre")
EXPECTED: dict[str, set[str]] = {
    "event": set(KINDS),
    "step": {
        f"{each.state.value if each.state else 'nothing'} {each.event.value} {each.after.value}"
        for each in TRANSITIONS
    },
    "movement": {each.value for each in Movement},
    "entry": {each.value for each in EntryKind},
    "up": {each.value for each in Up},
    "down": {each.value for each in Down},
    "code": {each for each in CATALOGUE if each.startswith(("HL-CORE", "HL-EDGE", "HL-SRV"))},
    "reason": {each.value for each in ReasonCode},
}


def reached_by(world: World) -> Counter[tuple[str, str]]:
    """What one world met, by kind."""
    return world.reached + Counter({("event", what): n for what, n in world.befell.items()})


def table(reached: Counter[tuple[str, str]], seeds: int) -> Iterator[str]:
    """The lines of the report."""
    yield f"{seeds} seeds"
    for kind, title in TITLES.items():
        met = {what: times for (of, what), times in reached.items() if of == kind}
        if kind == "write":
            met = {each: n for each, n in met.items() if not _was_cut(each, reached)}
        never = sorted(EXPECTED.get(kind, set()) - met.keys())
        yield f"\n{title}: {len(met)}" + (f", never {len(never)}" if never else "")
        for what, times in sorted(met.items(), key=lambda item: (-item[1], item[0])):
            yield f"{times:9,}  {what}"
        for what in never:
            yield f"    never  {what}"


def _was_cut(written: str, reached: Counter[tuple[str, str]]) -> bool:
    """Whether a process died just before or just after such a write."""
    whose = next(each for each in WHOSE if written.startswith(each))
    what = written.removeprefix(f"{whose} ")
    return any(reached["cut", f"{whose} {when} {what}"] for when in ("before", "after"))
