"""Bugs planted in a copy of the program: how many seeds until a checker names each.

``python -m tests.simulation.planted [NAME …]`` copies the tree to a folder of its own,
breaks one thing at a time, and runs seeds from 0 on. A bug that no seed finds within
``SEEDS_MAX`` makes it fail: then a checker has gone blind.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("core", "server", "edge_node", "tests")
SEEDS_MAX = 1_000
RUN_S_MAX = 1_700


@dataclass(frozen=True, slots=True)
class Planted:
    """A bug: what is broken, where, the words before and after, and which checks may see it."""

    name: str
    path: str
    before: str
    after: str
    seen_by: str


BUGS = (
    Planted(
        "a lease is free again when it expires", "server/services/standing.py",
        "books=leases.books_of_line(tx, line.line_id),",
        "books=tuple(b for b in leases.books_of_line(tx, line.line_id)"
        " if b.lease.expires_at_ms // 86_400_000 > (on - date(1970, 1, 1)).days),",
        "1",
    ),
    Planted(
        "leases that are out do not count", "core/lending/lease.py",
        "leased = sum(book.unspent_minor for book in books)", "leased = 0", "1",
    ),
    Planted(
        "the last record of an envelope is not kept", "server/services/envelopes.py",
        "logs.add_inbound(work.tx, name, kept)", "logs.add_inbound(work.tx, name, kept[:-1])", "2",
    ),
    Planted(
        "a draw is posted twice", "server/services/drawing.py",
        "    post_drawdown(work, drawing)\n",
        "    post_drawdown(work, drawing)\n"
        "    post_drawdown(work, replace(drawing, draw_id=drawing.draw_id + '+'))\n",
        "3",
    ),
    Planted(
        "an entry is not chained to the one before", "server/store/ledger.py",
        '"previous": end[1],', '"previous": GENESIS,', "4",
    ),
    Planted(
        "a sealed line may be changed", "server/store/migrations/sql/0001.sqlite.sql",
        "BEFORE UPDATE ON ledger_lines\n", "BEFORE UPDATE ON ledger_lines WHEN 0\n", "4",
    ),
    Planted(
        "a fee's last two digits are lost", "server/services/posting.py",
        '"income/fee", currency, drawing.fee_minor)',
        '"income/fee", currency, drawing.fee_minor // 100 * 100)',
        "3|4|5",
    ),
    Planted(
        "a station is not told the last fact", "server/services/downlink.py",
        "line_facts(priced, stands.facts,", "line_facts(priced, stands.facts[:-1],", "5",
    ),
    Planted(
        "a decision is written down higher than it was", "server/services/cards.py",
        "amount_minor=card.outcome.amount_minor,",
        "amount_minor=card.outcome.amount_minor + 10_000,", "5",
    ),
    Planted(
        "a limit falls without a reason", "server/services/reviews.py",
        "reasons=found.reasons,", "reasons=(),", "6",
    ),
    Planted(
        "people may do what the table forbids", "core/lending/steps.py",
        "        step = self.find(state, event)\n",
        "        step = next(x for x in self._steps if x.event is event)\n",
        "3|6",
    ),
    Planted(
        "relief makes payments due earlier", "core/lending/relief.py",
        "return months_from(date.fromisoformat(self.due_before), self.months)",
        "return date.fromisoformat(self.granted_on)",
        "7",
    ),
    Planted(
        "a line that owes more than its limit is not watched", "server/services/reviews.py",
        "watch=found.watch,", "watch=False,", "7",
    ),
    Planted(
        "every station is told of every line", "server/services/downlink.py",
        "    for place in places.of_line(work.tx, line):\n"
        "        send(work, place.station, Down.LINE, line_status(work, stands, place.station))\n",
        "    for each in registry.all_stations(work.tx):\n"
        "        send(work, each.name, Down.LINE, line_status(work, stands, each.name))\n",
        "8",
    ),
    Planted(
        "a card looks at what nobody consented to", "edge_node/decide/applications.py",
        "purposes = tuple(given)\n", 'purposes = (*given, "telemetry")\n', "8",
    ),
    Planted(
        "a lost tablet's part is used again at once", "edge_node/decide/subleases.py",
        "k.lease.expires_at_ms + GRACE_MS <= earliest_ms", "k.lease.signed_at_ms <= earliest_ms",
        "1",
    ),
    Planted(
        "what tablets hold is released with their station", "server/services/field_money.py",
        "    if work.at_ms < until_ms:\n", "    if work.at_ms < 0:\n", "1",
    ),
    Planted(
        "a rise does not wait for a second source", "core/lending/movement.py",
        "if found.standing.sources_count < (found.product.movement.raise_sources_min or 1):",
        "if found.standing.sources_count < 1:", "6",
    ),
    Planted(
        "a visit counts however long ago it was", "core/lending/visited.py",
        "stands = age_days <= product.movement.fresh_days_max", "stands = age_days >= 0", "6",
    ),
    Planted(
        "a visit counts whatever was lost", "core/lending/visited.py",
        "visit.damage_ppm >= product.movement.change_min_ppm", "visit.damage_ppm > 1_000_000", "6",
    ),
    Planted(
        "visits count without the farmer's leave", "server/services/second_source.py",
        ".get(DataClass.VISITS)", '.get(DataClass.VISITS, "")', "8",
    ),
    Planted(
        "a farmer's own months are forgotten", "server/services/standing.py",
        "return with_own_cash(opened_by(tx, line), line.cash)", "return opened_by(tx, line)", "7",
    ),
    Planted(
        "months beyond the bounds are taken", "edge_node/decide/applications.py",
        "        if faults:\n            raise RequestError(",
        "        if 0:\n            raise RequestError(", "7",
    ),
    Planted(
        "relief never ends", "server/services/relief_ending.py",
        "    if not is_repaid and on <= date.fromisoformat(line.due_on):\n",
        "    if not is_repaid:\n", "6",
    ),
    Planted(
        "a ticket counts twice", "server/services/weighing.py",
        "    store_receipts.add(work.tx, kept)\n",
        "    store_receipts.add(work.tx, kept)\n"
        "    twin = [getattr(kept, each) for each in StoreReceipt.__slots__[1:]]\n"
        "    store_receipts.add(work.tx, StoreReceipt(kept.receipt_id + '+', *twin))\n", "3",
    ),
    Planted(
        "damp grain counts as dry", "core/lending/kinds/receipt.py",
        "* (dry * PPM // span)", "* PPM", "1",
    ),
    Planted(
        "what left a store still counts", "server/store/store_receipts.py",
        "return sums.get(Way.IN.value, 0) - sums.get(Way.OUT.value, 0)",
        "return sums.get(Way.IN.value, 0)", "1",
    ),
    Planted(
        "a line is not looked at when grain leaves", "server/services/weighing.py",
        "    if line is not None:\n        review_for", "    if 0:\n        review_for", "1",
    ),
    Planted(
        "what was sold does not repay", "server/services/weighing.py",
        "    if not share:\n        return known\n", "    return known\n", "3",
    ),
    Planted(
        "a price above the cap is told and taken", "edge_node/decide/draws.py",
        "return price if price.apr_ppm <= cap_ppm else above_cap(price.apr_ppm, cap_ppm)",
        "return price", "10",
    ),
)  # fmt: skip


def main(wanted: list[str]) -> int:
    """Plant each in turn; a table on standard output; 1 if one stayed unseen."""
    blind = 0
    with tempfile.TemporaryDirectory(prefix="hl-planted-") as folder:
        for bug in BUGS:
            if not wanted or any(word in bug.name for word in wanted):
                seeds, said = seeds_until_seen(bug, Path(folder) / "tree")
                blind += not seeds
                sys.stdout.write(f"| {bug.name} | {seeds or 'never'} | {said} |\n")
                sys.stdout.flush()
    return min(blind, 1)


def seeds_until_seen(bug: Planted, tree: Path) -> tuple[int, str]:
    """How many seeds it took until a checker spoke, and what it said; 0 if none did."""
    _copied(bug, tree)
    told = _told(tree)
    count = int(told.rpartition("seeds: ")[2] or 0)
    found = re.search(rf"[\"'](({bug.seen_by}): [^\"']*)", told)
    audited = re.search(r"Fault\(.*?\)", told)
    said = found or audited
    if not count or said is None:
        return 0, told.strip()[:200] or "nothing"
    return count, said.group(0)[:110].strip("\"'")


def _copied(bug: Planted, tree: Path) -> None:
    shutil.rmtree(tree, ignore_errors=True)
    for room in ROOMS:
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / bug.path).write_text(broken(bug), encoding="utf-8")


def broken(bug: Planted) -> str:
    """The file with the bug in it.

    Raises
    ------
    ValueError
        If the words to break are not there once: the program has changed.
    """
    text = (ROOT / bug.path).read_text(encoding="utf-8")
    if text.count(bug.before) != 1:
        raise ValueError(f"{bug.name}: expected once in {bug.path}: {bug.before!r}")
    return text.replace(bug.before, bug.after)


# Stops at the first seed that a checker does not let pass, and says which it was.
_SEEDS = """
import sys, tempfile, logging
from pathlib import Path
from tests.simulation.run import run_seed
logging.disable(logging.WARNING)
for seed in range({seeds}):
    try:
        run_seed(seed, Path(tempfile.mkdtemp(dir=sys.argv[1])))
    except AssertionError as error:
        print(str(error).splitlines()[0], f"seeds: {{seed + 1}}")
        break
"""


def _told(tree: Path) -> str:
    """What the first failing seed said, and how many it took; empty if all passed."""
    scratch = tree / "scratch"
    scratch.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", _SEEDS.format(seeds=SEEDS_MAX), str(scratch)], cwd=tree,
        check=False, capture_output=True, text=True, timeout=RUN_S_MAX,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return ran.stdout or ran.stderr[-200:]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
