"""Rules that are computed again and again: price and replay, each beside a peer or a limit.

The annual percentage rate is solved in fixed-precision decimals so that a card replays
on any processor; pyxirr, in binary floating point, is the peer. A decision card is
replayed from its recorded inputs to the same bytes; the limit is the second that the
decision itself is given. CPU time of this process.
"""

from __future__ import annotations

import statistics
from datetime import date, timedelta

import pyxirr

from bench.report import Effort, Figure, Report
from bench.timing import median_ms
from bench.village import StationCopy, copied_station, told_village
from core.lending.price import Flow, apr_ppm
from core.units import PPM
from edge_node.decide.replaying import replay_card
from edge_node.store import decisions
from edge_node.store.database import StationDatabase

# Two draws of KES 5,000 with a fee, repaid at once 170 days after the first.
FLOWS = (Flow(0, 492_500), Flow(45, 492_500), Flow(170, -1_058_000))
SOLVES = 20
PEER_BLOCK = 1_000  # the peer takes about a microsecond
REPLAYS = 20
LIMIT_MS = 1_000


def measure(effort: Effort) -> Report:
    """Solve and replay over and over."""
    village = told_village(effort)
    station = copied_station(village, effort.scratch / "rules")
    apr_ms = median_ms(lambda: apr_ppm(FLOWS), SOLVES * effort.repeats)
    first = date(2026, 3, 1)
    dated = [(first + timedelta(days=flow.days), -flow.amount_minor) for flow in FLOWS]
    peer_ms = median_ms(lambda: pyxirr.xirr(dated), SOLVES * effort.repeats, PEER_BLOCK)
    gap_ppm = abs(apr_ppm(FLOWS) - round(float(pyxirr.xirr(dated) or 0) * PPM))
    with station.fresh_database() as db:
        replay_ms, cards = _replay_ms(db, station, effort.repeats)
    return _report(apr_ms, (peer_ms, gap_ppm), (replay_ms, cards))


def _replay_ms(db: StationDatabase, station: StationCopy, repeats: int) -> tuple[float, int]:
    names = decisions.card_ids(db)
    assert names, "expected decision cards of the season, found none: tell more days"
    verifier, took = station.verifier, []
    for name in names:

        def replay(card_id: str = name) -> object:
            return replay_card(db, card_id, verifier)

        took.append(median_ms(replay, REPLAYS * repeats))
    return statistics.median(took), len(names)


def _report(apr_ms: float, peer: tuple[float, int], replayed: tuple[float, int]) -> Report:
    (peer_ms, gap_ppm), (replay_ms, cards) = peer, replayed
    return Report(
        title="Price and replay",
        headings=("what", "CPU [ms]", "beside it"),
        rows=(
            ("annual percentage rate, decimals", f"{apr_ms:.2f}",
             f"{apr_ms / peer_ms:,.0f} × pyxirr"),
            ("the same, pyxirr (binary)", f"{peer_ms:.4f}", f"differs by {gap_ppm} ppm"),
            ("decision card replayed to the same bytes", f"{replay_ms:.1f}",
             f"{replay_ms / LIMIT_MS:.3f} of 1 s"),
        ),
        note=(
            f"Three dated flows; every card of the told village ({cards}), each with its "
            "signature, model and product read from the store."
        ),
        figures=(
            Figure("annual percentage rate, exact decimals", f"{apr_ms:.1f} ms CPU",
                   f"pyxirr {peer_ms:.4f} ms, same to {gap_ppm} ppm"),
            Figure("decision card, replayed to the same bytes", f"{replay_ms:.1f} ms CPU",
                   "limit 1 s"),
        ),
        numbers={"apr_ms": apr_ms, "pyxirr_ms": peer_ms, "replay_ms": replay_ms},
    )  # fmt: skip
