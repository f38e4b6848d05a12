"""Evidence from imagery: verified, kept verbatim, and applied to the lines it concerns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from core.shape import decode
from core.signing import SignedDocument, open_document
from core.wire.evidence import EVIDENCE, Evidence, EvidenceKind
from core.wire.registry import Subject, SubjectKind
from server.keys import KeyRing
from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send_evidence, stations_of
from server.services.leasing import issue_for_line
from server.services.posting import close_if_over
from server.services.reviews import review_for_evidence
from server.store import evidence, lines, registry
from server.store.engine import ConflictError
from server.store.evidence import KeptEvidence

AHEAD_DAYS_MAX = 1  # a maker's zone may be a day ahead of the centre's
_SUBJECT_OF = {EvidenceKind.CROP: SubjectKind.PLOT, EvidenceKind.PASTURE: SubjectKind.PASTURE}


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of an evidence document; ``new`` is False for a repeat."""

    evidence_id: str
    sha256: str
    new: bool


def accept_evidence(centre: Centre, data: bytes) -> Accepted:
    """Take an evidence document, and review the lines that rest on its subject.

    Raises
    ------
    HarvestlineError
        If it is damaged, not by a registered maker, of an unknown subject or another
        polygon, or known with other content.
    """
    with centre.store.reading() as tx:
        makers = {one.key_id: one for one in registry.all_satellites(tx)}
    ring = KeyRing(maker.public_key for maker in makers.values())
    signed = open_document(data, EVIDENCE, ring, centre.settings.evidence_bytes_max)
    found = decode(Evidence, signed.body)
    maker = makers[signed.key_id].name
    return centre.write(lambda work: _apply(work, data, signed, found, maker))


def _apply(
    work: Work, data: bytes, signed: SignedDocument, found: Evidence, maker: str
) -> Accepted:
    known = evidence.find(work.tx, found.evidence_id)
    if known is not None:
        if known.sha256 != signed.sha256:
            raise ConflictError(f"evidence {found.evidence_id} exists with other content")
        return Accepted(known.evidence_id, known.sha256, new=False)
    _require_fit(found, registry.subject(work.tx, found.subject_id))
    _require_past(work, found)
    kept = _kept(work, found, signed.sha256, maker)
    evidence.add(work.tx, kept, data)
    send_evidence(work, stations_of(work, (found.subject_id,)), kept)
    herds = [herd.subject_id for herd in registry.herds_on(work.tx, found.subject_id)]
    for line_id in lines.resting_on(work.tx, (found.subject_id, *herds)):
        review_for_evidence(work, line_id)
        if not close_if_over(work, line_id):
            issue_for_line(work, line_id)
    return Accepted(kept.evidence_id, kept.sha256, new=True)


def _require_fit(found: Evidence, subject: Subject) -> None:
    """Refuse evidence that does not speak of the registered plot or pasture."""
    if subject.kind is not _SUBJECT_OF[found.kind]:
        raise RequestError(
            f"evidence {found.evidence_id}: expected a {_SUBJECT_OF[found.kind].value}, "
            f"{subject.subject_id} is a {subject.kind.value}"
        )
    if subject.polygon_sha256 and found.subject_sha256 != subject.polygon_sha256:
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
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise RequestError(_wrong_date(evidence_id, name, text)) from error
    if day.isoformat() != text:
        raise RequestError(_wrong_date(evidence_id, name, text))
    if day > last:
        raise RequestError(
            f"evidence {evidence_id}: {name} is a day to come: expected at most {last}, got {day}"
        )


def _wrong_date(evidence_id: str, name: str, text: str) -> str:
    return f"evidence {evidence_id}: expected {name} as YYYY-MM-DD, got {text[:40]!r}"


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
