"""Evidence from imagery: verified, kept verbatim, and applied to the lines it concerns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import TypeGuard

from core.errors import HarvestlineError
from core.shape import decode
from core.signing import open_document
from core.units import civil_date
from core.wire.evidence import EVIDENCE, Evidence, EvidenceKind
from core.wire.registry import Subject, SubjectKind
from server.keys import KeyRing
from server.services.centre import Centre, RequestError, Work
from server.services.chunks import read_chunk
from server.services.downlink import send_evidence, stations_of
from server.services.grounds import grounds_before
from server.services.leasing import issue_for_line
from server.services.posting import close_if_over
from server.services.reviews import review_for_evidence
from server.store import evidence, lines, registry
from server.store.engine import ConflictError, StoreError
from server.store.evidence import KeptEvidence
from server.store.registry import Satellite

CHUNK_DOCUMENTS = 250  # in one transaction: half a second in which nobody else writes
STORE_FAULTS_MAX = 3  # in a row: then it is not the documents
AHEAD_DAYS_MAX = 1  # a maker's zone may be a day ahead of the centre's
_SUBJECT_OF = {EvidenceKind.CROP: SubjectKind.PLOT, EvidenceKind.PASTURE: SubjectKind.PASTURE}


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an evidence document; ``new`` is False for a repeat."""

    evidence_id: str
    sha256: str
    new: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """A document that was not taken, with the error that says why."""

    error: HarvestlineError


@dataclass(frozen=True, slots=True)
class _Document:
    """A document whose signature has been verified, as it came."""

    data: bytes
    sha256: str
    found: Evidence
    maker: str


def accept_evidence(centre: Centre, data: bytes) -> Accepted:
    """Take an evidence document, and review the lines that rest on its subject.

    Raises
    ------
    HarvestlineError
        If it is damaged, not by a registered maker, of an unknown subject or another
        polygon, or known with other content.
    """
    document = _opened(data, _makers(centre), centre.settings.evidence_bytes_max)
    return centre.write(lambda work: _apply(work, document))


def accept_many(centre: Centre, documents: Sequence[bytes]) -> list[Accepted | Refused]:
    """Take many documents in chunks of :data:`CHUNK_DOCUMENTS`; one answer each, in order.

    Each document is verified and judged as if it came alone, and the reviews are the
    same ones in the same order. A chunk is one transaction: it reads in few questions
    and writes in bulk. Where it cannot be written, its documents are taken one by one,
    so that one bad document costs nobody else.

    Raises
    ------
    RequestError
        If they are more than ``evidence_batch_max``.
    """
    if len(documents) > centre.settings.evidence_batch_max:
        raise RequestError(
            f"expected at most {centre.settings.evidence_batch_max} documents at once, "
            f"got {len(documents)}: send them in parts"
        )
    makers = _makers(centre)
    answers: list[Accepted | Refused] = []
    for start in range(0, len(documents), CHUNK_DOCUMENTS):
        chunk = documents[start : start + CHUNK_DOCUMENTS]
        opened = [_opened_or_refused(centre, data, makers) for data in chunk]
        answers += _take_chunk(centre, opened)
    return answers


def _take_chunk(centre: Centre, opened: Sequence[_Document | Refused]) -> list[Accepted | Refused]:
    good = [each for each in opened if isinstance(each, _Document)]
    try:
        taken = iter(centre.write(lambda work: _apply_chunk(work, good)))
    except HarvestlineError:
        taken = iter(_one_by_one(centre, good))
    return [next(taken) if isinstance(each, _Document) else each for each in opened]


def _one_by_one(centre: Centre, documents: Sequence[_Document]) -> list[Accepted | Refused]:
    """Each in a transaction of its own, until the store itself seems to be out of order."""
    answers: list[Accepted | Refused] = []
    for document in documents:
        try:
            answers.append(centre.write(partial(_apply, document=document)))
        except HarvestlineError as error:
            answers.append(Refused(error))
        faults = [each.error for each in answers[-STORE_FAULTS_MAX:] if _is_store_fault(each)]
        if len(faults) == STORE_FAULTS_MAX:
            raise StoreError(f"{STORE_FAULTS_MAX} documents in a row: {faults[-1]}")
    return answers


def _is_store_fault(answer: Accepted | Refused) -> TypeGuard[Refused]:
    return isinstance(answer, Refused) and isinstance(answer.error, StoreError)


def _apply_chunk(work: Work, documents: Sequence[_Document]) -> list[Accepted | Refused]:
    with work.tx.remembering() as tx:
        remembering = replace(work, tx=tx)
        read_chunk(
            remembering,
            [each.found.evidence_id for each in documents],
            sorted({each.found.subject_id for each in documents}),
        )
        return [_judged(remembering, each) for each in documents]


def _judged(work: Work, document: _Document) -> Accepted | Refused:
    """Take one of a chunk; what is refused before anything is written costs only itself."""
    try:
        known = _known(work, document)
    except HarvestlineError as error:
        return Refused(error)
    return known or _take(work, document)


def _makers(centre: Centre) -> dict[str, Satellite]:
    with centre.store.reading() as tx:
        return {one.key_id: one for one in registry.all_satellites(tx)}


def _opened(data: bytes, makers: Mapping[str, Satellite], bytes_max: int) -> _Document:
    ring = KeyRing(maker.public_key for maker in makers.values())
    signed = open_document(data, EVIDENCE, ring, bytes_max)
    found = decode(Evidence, signed.body)
    return _Document(data, signed.sha256, found, makers[signed.key_id].name)


def _opened_or_refused(
    centre: Centre, data: bytes, makers: Mapping[str, Satellite]
) -> _Document | Refused:
    try:
        return _opened(data, makers, centre.settings.evidence_bytes_max)
    except HarvestlineError as error:
        return Refused(error)


def _apply(work: Work, document: _Document) -> Accepted:
    return _known(work, document) or _take(work, document)


def _known(work: Work, document: _Document) -> Accepted | None:
    """What became of it before, if it is known; refuses what may not be taken."""
    found = document.found
    known = evidence.find(work.tx, found.evidence_id)
    if known is not None:
        if known.sha256 != document.sha256:
            raise ConflictError(f"evidence {found.evidence_id} exists with other content")
        return Accepted(known.evidence_id, known.sha256, new=False)
    _require_fit(work, found, registry.subject(work.tx, found.subject_id))
    _require_past(work, found)
    return None


def _take(work: Work, document: _Document) -> Accepted:
    found = document.found
    kept = _kept(work, found, document.sha256, document.maker)
    evidence.add(work.tx, kept, document.data)
    pictures = found.findings.pictures if found.findings else ()
    send_evidence(work, stations_of(work, (found.subject_id,)), kept, pictures, found.curve)
    herds = [herd.subject_id for herd in registry.herds_on(work.tx, found.subject_id)]
    for line_id in lines.resting_on(work.tx, (found.subject_id, *herds)):
        review_for_evidence(work, line_id)
        if not close_if_over(work, line_id):
            issue_for_line(work, line_id)
    return Accepted(kept.evidence_id, kept.sha256, new=True)


def _require_fit(work: Work, found: Evidence, subject: Subject) -> None:
    """Refuse evidence that does not speak of the registered plot or pasture."""
    if subject.kind is not _SUBJECT_OF[found.kind]:
        raise RequestError(
            f"evidence {found.evidence_id}: expected a {_SUBJECT_OF[found.kind].value}, "
            f"{subject.subject_id} is a {subject.kind.value}"
        )
    fits = found.subject_sha256 == subject.polygon_sha256
    # Whoever reads scenes has the ground of a walk later than the register does.
    fits = fits or found.subject_sha256 in grounds_before(work, subject.subject_id)
    if subject.polygon_sha256 and not fits:
        raise RequestError(
            f"evidence {found.evidence_id}: expected the registered polygon "
            f"{subject.polygon_sha256[:16]}… of {subject.subject_id}, got another: "
            "use the plots file that was imported"
        )


def _require_past(work: Work, found: Evidence) -> None:
    """Refuse what speaks of days to come: it would stay fresh, and outrank all that follows."""
    last = work.today() + timedelta(days=AHEAD_DAYS_MAX)
    for name in ("as_of", "last_clear_on", "stage_observed_on"):
        _require_date(found.evidence_id, name, getattr(found, name), last)


def _require_date(evidence_id: str, name: str, text: str | None, last: date) -> None:
    if text is None:
        return
    day = civil_date(text)
    if day is None:
        raise RequestError(
            f"evidence {evidence_id}: expected {name} as YYYY-MM-DD, got {text[:40]!r}"
        )
    if day > last:
        raise RequestError(
            f"evidence {evidence_id}: {name} is a day to come: expected at most {last}, got {day}"
        )


def _kept(work: Work, found: Evidence, sha256: str, maker: str) -> KeptEvidence:
    yields = found.yield_estimate
    return KeptEvidence(
        evidence_id=found.evidence_id,
        sha256=sha256,
        satellite=maker,
        kind=found.kind,
        subject_id=found.subject_id,
        season_id=found.season_id,
        as_of=found.as_of,
        last_clear_on=found.last_clear_on,
        clear_looks=found.clear_looks,
        stage=found.stage,
        stage_observed_on=found.stage_observed_on,
        anomaly_ppm=found.anomaly_ppm,
        yield_p10=yields.p10 if yields else None,
        yield_p50=yields.p50 if yields else None,
        yield_p90=yields.p90 if yields else None,
        received_at_ms=work.at_ms,
    )
