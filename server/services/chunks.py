"""All that the reviews of a chunk of lines will ask, read in a dozen questions.

The reviews themselves are those of one line: this only fills the transaction's memory
before them. What is not read here is asked when it is needed, at the usual price, so
a question that is missing here costs time and never an answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.wire.registry import SubjectKind
from server.services.beside import learn_beside
from server.services.centre import Work
from server.services.orders.fulfilment import learn_trade
from server.services.second_source import learn_visited
from server.services.standing import read_money
from server.store import (
    agreements,
    colending,
    evidence,
    line_rates,
    lines,
    places,
    registry,
    reports,
)
from server.store.lines import Line


def read_chunk(work: Work, evidence_ids: Sequence[str], subject_ids: Sequence[str]) -> None:
    """Lock the lines that rest on the subjects, then read what they stand on.

    The lines are locked first, in order: what is read afterwards is what another
    transaction has committed, and stays so until this one ends.
    """
    tx = work.tx
    registry.learn_subjects(tx, subject_ids)
    herds = [herd.subject_id for each in subject_ids for herd in registry.herds_on(tx, each)]
    found = lines.lock_many(tx, [*subject_ids, *herds])
    rests = sorted({each for line in found for each in line.subject_ids} - set(subject_ids))
    registry.learn_subjects(tx, rests)
    evidence.learn_evidence(tx, evidence_ids, _wanted(work, [*subject_ids, *rests]))
    read_lines(work, found)


def read_lines(work: Work, found: Sequence[Line]) -> None:
    """What lines that are locked stand on: movements, leases, draws, money."""
    lines.learn_movements(work.tx, [line.line_id for line in found])
    read_standing(work, found)
    agreements.learn_last(work.tx, [line.application_id for line in found])


def read_standing(work: Work, found: Sequence[Line]) -> None:
    """What lines that are locked stand on besides their movements."""
    tx, line_ids = work.tx, [line.line_id for line in found]
    if not line_ids:
        return
    places.learn_guests(tx, line_ids)
    read_money(tx, found)
    line_rates.learn_last(tx, line_ids)
    colending.learn_shared(tx, line_ids)
    farmer_ids = sorted({line.farmer_id for line in found})
    reports.learn_consents(tx, farmer_ids)
    learn_trade(tx, found)
    learn_visited(work, found)
    learn_beside(work, farmer_ids)


def _wanted(work: Work, subject_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Each subject with the season whose evidence speaks for it; a pasture has none."""
    wanted = []
    for subject_id in subject_ids:
        subject = registry.find_subject(work.tx, subject_id)
        if subject is None:
            continue
        if subject.kind is SubjectKind.HERD:
            wanted.append((subject.pasture_id, ""))
        else:
            wanted.append((subject_id, subject.season_id))
    return sorted(set(wanted))
