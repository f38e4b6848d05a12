"""The lender's own ended lines as a table to train on: of those who allowed it, nobody else.

A row is a line whose end is known: what its decision card rested on, and whether it was lost.
A farmer without a consent to ``model_training`` that stands today has no row, whatever was
given before; whose row is in a table is written down with the consents that it rests on.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from core.canonical import parse_canonical, sha256_hex
from core.decision.card import DecisionCard
from core.decision.policy import unsigned_ppm_max
from core.scoring.features import admissible
from core.shape import decode
from core.signing import DOCUMENT_BYTES_MAX
from core.wire.personal_data import ASKS, Basis
from server.services.backtest import KNOWN, Ending, ending_of
from server.services.centre import Centre, Work
from server.services.consents.using import who_allows
from server.services.reports.loans import as_of, loans
from server.store import consent_uses, people, products, reports
from server.store.consent_uses import DataUse
from server.store.engine import Tx
from server.store.people import Actor
from server.store.reports import KeptDecision, Replay
from server.training.catalogue import Catalogue

ASKED = "model_training"
OBJECT = "training_table"


@dataclass(frozen=True, slots=True)
class OwnLoans:
    """A table to train on, and whose ended lines are not in it.

    ``data`` is CSV as ``train`` takes it; ``without_count`` are lines whose farmers did not
    consent, ``unreplayed_count`` those whose card does not lead to its own bytes again.
    """

    data: bytes
    sha256: str
    rows_count: int
    without_count: int
    unreplayed_count: int


@dataclass(frozen=True, slots=True)
class _Ended:
    """An ended line: its card, its season, and how it ended."""

    kept: KeptDecision
    card: DecisionCard
    season: str
    ending: Ending


def own_loans(
    centre: Centre, catalogue: Catalogue, on: date, actor: Actor, *, simulated: bool
) -> OwnLoans:
    """The table of a day, and the word on whose data it holds.

    Parameters
    ----------
    simulated
        Whether the lines' ends were simulated; the table says so in its first line.
    """

    def act(work: Work) -> OwnLoans:
        ended = list(_ended(work.tx, on, centre.now_ms()))
        farmers = {each.kept.farmer_id for each in ended}
        allowed = who_allows(work.tx, farmers, ASKED)
        replayed = [each for each in ended if each.kept.replay is Replay.SAME]
        mine = [each for each in replayed if each.kept.farmer_id in allowed]
        data = _table(mine, catalogue, work.tx, simulated=simulated)
        found = OwnLoans(
            data=data,
            sha256=sha256_hex(data),
            rows_count=len(mine),
            without_count=sum(each.kept.farmer_id not in allowed for each in ended),
            unreplayed_count=len(ended) - len(replayed),
        )
        used = {each.kept.farmer_id: allowed[each.kept.farmer_id] for each in mine}
        consent_uses.add_uses(work.tx, list(_uses(used, found.sha256, work.at_ms)))
        about = (OBJECT, found.sha256)
        people.record(work.tx, work.at_ms, actor, "training_table_made", about,
                      {"rows": found.rows_count, "without": found.without_count})  # fmt: skip
        return found

    return centre.write(act)


def _ended(tx: Tx, on: date, recorded_ms: int) -> Iterator[_Ended]:
    """Every line whose end is known, with the card that opened it."""
    for loan in loans(tx, as_of(on, recorded_ms)):
        ending = ending_of(loan, on)
        kept = reports.find_decision(tx, loan.line.card_id) if loan.line.card_id else None
        if ending in KNOWN and kept is not None:
            body = parse_canonical(kept.document, DOCUMENT_BYTES_MAX)["body"]
            product = products.by_policy(tx, kept.policy_version)
            season = (product.season_id if product is not None else "") or loan.line.due_on[:4]
            yield _Ended(kept, decode(DecisionCard, body), season, ending)


def _table(ended: Sequence[_Ended], catalogue: Catalogue, tx: Tx, *, simulated: bool) -> bytes:
    """The rows as CSV: what each card used of the catalogue's features, an empty cell if none."""
    columns = catalogue.table
    out = io.StringIO()
    out.write(f"# simulated: {'true' if simulated else 'false'}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([columns.season, columns.outcome, *catalogue.names])
    for each in sorted(ended, key=lambda one: (one.season, one.card.card_id)):
        used = _used(each, catalogue, tx)
        cells = [used.get(name, "") for name in catalogue.names]
        writer.writerow([each.season, int(each.ending is Ending.LOST), *cells])
    return out.getvalue().encode()


def _used(each: _Ended, catalogue: Catalogue, tx: Tx) -> Mapping[str, int]:
    product = products.by_policy(tx, each.kept.policy_version)
    if product is None:
        return {}
    inputs = each.card.inputs
    values = {value.name: value for value in inputs.features}
    return admissible(
        catalogue.feature, values, inputs.purposes, product.decision.coverage_ppm_min,
        unsigned_ppm_max(product),
    )  # fmt: skip


def _uses(allowed: Mapping[str, tuple[str, ...]], sha256: str, at_ms: int) -> Iterator[DataUse]:
    ask = ASKS[ASKED]
    for farmer_id, consent_ids in sorted(allowed.items()):
        for data_class in ask.classes:
            for recipient in ask.recipients:
                yield DataUse(
                    kind=OBJECT,
                    object_id=sha256,
                    farmer_id=farmer_id,
                    purpose=ask.purpose.value,
                    data_class=data_class.value,
                    recipient=recipient.value,
                    basis=Basis.CONSENT.value,
                    consent_ids=consent_ids,
                    at_ms=at_ms,
                )
