"""Invoices and settlements that move a limit: feed bought, animals slaughtered, investments.

A lender or a supervisor writes one down, of a slaughter a cashier too; never the borrower.
Of a slaughterhouse's settlement the product's share repays the line first.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.units import require_date, share_ppm
from core.wire.registry import SubjectKind
from server.services.centre import Centre, RequestError, Work
from server.services.posting import RepaymentRequest, take_repayment_in
from server.services.reviews import review_for_evidence
from server.services.standing import zone_minutes
from server.store import bounces, ledger, lines, papers, people, products, registry
from server.store.engine import ConflictError
from server.store.ledger import Repayment
from server.store.lines import Line
from server.store.papers import Paper, PaperKind
from server.store.people import Actor, Role

PAPER_MINOR_MAX = 10**12  # of one paper, or of a sale over the weighbridge [minor units]
_SHOWN_OF = {
    PaperKind.FEED: SubjectKind.HERD,
    PaperKind.SLAUGHTER: SubjectKind.HERD,
    PaperKind.INVESTMENT: SubjectKind.PLOT,
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """An invoice or a settlement as it is handed in; its id makes it count once."""

    paper_id: str
    subject_id: str
    kind: PaperKind
    amount_minor: int
    currency: str
    effective_on: str
    source: str
    heads: int = 0
    voids: str = ""


@dataclass(frozen=True, slots=True)
class Filed:
    """What came of a sheet: whether it was new, and what repaid the line."""

    paper: Paper
    new: bool
    repayment: Repayment | None


def file_paper(centre: Centre, sheet: Sheet, by: Actor) -> Filed:
    """Write an invoice or settlement down, look at the line again, and repay it.

    The same again changes nothing. A settlement whose repayment still counts is not taken
    back: the repayment bounces first, by another's hand.

    Raises
    ------
    RequestError
        If the subject, amount, heads, day or currency cannot be.
    ConflictError
        If the id is known with other content.
    """
    return centre.write(lambda work: _file(work, sheet, by))


def _file(work: Work, sheet: Sheet, by: Actor) -> Filed:
    registry.lock_subject(work.tx, sheet.subject_id)
    line = line_on(work, sheet.subject_id)
    kept = Paper(
        sheet.paper_id, sheet.subject_id, sheet.kind, sheet.amount_minor, sheet.currency,
        sheet.heads, sheet.effective_on, sheet.source, sheet.voids, work.at_ms, by.name,
    )  # fmt: skip
    known = papers.find(work.tx, sheet.paper_id)
    if known is not None:
        if _content(known) != _content(kept):
            raise ConflictError(f"paper {sheet.paper_id} exists with other content")
        repaid = ledger.find_repayment(work.tx, repayment_id(sheet.paper_id))
        return Filed(known, new=False, repayment=repaid)
    _require_filer(sheet, by)
    _require_possible(work, sheet, line)
    papers.add(work.tx, kept)
    detail = {"kind": sheet.kind.value, "on": sheet.effective_on, "id": sheet.paper_id}
    subject = ("subject", sheet.subject_id)
    people.record(work.tx, work.at_ms, by, "paper_filed", subject, {**detail, "of": sheet.source})
    if line is not None:
        review_for_evidence(work, line.line_id)
    return Filed(kept, new=True, repayment=_repay(work, sheet, line, by))


def _content(paper: Paper) -> tuple[object, ...]:
    return (
        paper.subject_id, paper.kind, paper.amount_minor, paper.currency, paper.heads,
        paper.effective_on, paper.source, paper.voids,
    )  # fmt: skip


def _require_filer(sheet: Sheet, by: Actor) -> None:
    """Who takes money in does not raise what may be lent: feed and investments do."""
    if sheet.kind is not PaperKind.SLAUGHTER and by.role == Role.CASHIER.value:
        raise RequestError(
            f"expected a lender or a supervisor for a paper of {sheet.kind.value}, which raises "
            "a limit, got a cashier"
        )


def _require_possible(work: Work, sheet: Sheet, line: Line | None) -> None:
    subject = registry.subject(work.tx, sheet.subject_id)
    wanted = _SHOWN_OF[sheet.kind]
    if subject.kind is not wanted:
        raise RequestError(
            f"expected a {wanted.value} for a paper of {sheet.kind.value}, got "
            f"{subject.subject_id}, a {subject.kind.value}"
        )
    if not 0 < sheet.amount_minor <= PAPER_MINOR_MAX:
        raise RequestError(
            f"expected an amount of 1 to {PAPER_MINOR_MAX} [minor units], got {sheet.amount_minor}"
        )
    if not sheet.paper_id:
        raise RequestError("expected a paper's number, got none")
    is_slaughter = sheet.kind is PaperKind.SLAUGHTER
    if is_slaughter != (sheet.heads > 0) or sheet.heads > max(subject.heads, 0):
        most = f"1 to {subject.heads}" if is_slaughter else "no"
        raise RequestError(
            f"expected {most} heads on a paper of {sheet.kind.value}, got {sheet.heads}"
        )
    if line is not None and line.currency != sheet.currency:
        raise RequestError(f"expected a paper in {line.currency}, got {sheet.currency}")
    require_date(sheet.effective_on, "effective_on")
    today = work.today(zone_minutes(work.tx, subject.farmer_id)).isoformat()
    if sheet.effective_on > today:
        raise RequestError(f"expected a day up to {today}, got {sheet.effective_on}")
    if sheet.voids:
        _require_voidable(work, sheet)


def _require_voidable(work: Work, sheet: Sheet) -> None:
    """What is taken back must be the same paper, and stand."""
    told = {each.paper_id: each for each in papers.every(work.tx, sheet.subject_id)}
    about = told.get(sheet.voids)
    if about is None or about.voids:
        raise RequestError(f"expected a paper of {sheet.subject_id} to take back, got none")
    if any(each.voids == sheet.voids for each in told.values()):
        raise RequestError(f"paper {sheet.voids} was taken back before")
    same = (about.kind, about.amount_minor, about.currency, about.heads)
    if same != (sheet.kind, sheet.amount_minor, sheet.currency, sheet.heads):
        raise RequestError(f"expected what paper {sheet.voids} says, got other amounts")
    repaid = ledger.find_repayment(work.tx, repayment_id(sheet.voids))
    if repaid is not None and bounces.find(work.tx, repaid.repayment_id) is None:
        raise RequestError(
            f"paper {sheet.voids} repaid line {repaid.line_id}: let repayment "
            f"{repaid.repayment_id} bounce first, then take the paper back"
        )


def line_on(work: Work, subject_id: str) -> Line | None:
    """The open line that rests on a subject, locked; None if there is none."""
    for line_id in lines.resting_on(work.tx, (subject_id,)):
        line = lines.lock(work.tx, line_id)
        if line.is_open:
            return line
    return None


def repayment_id(paper_id: str) -> str:
    """The repayment that a settlement brings: it can count once only."""
    return f"settlement/{paper_id}"


def _repay(work: Work, sheet: Sheet, line: Line | None, by: Actor) -> Repayment | None:
    """The product's share of a settlement, as a repayment; a settlement taken back pays none."""
    if line is None or sheet.kind is not PaperKind.SLAUGHTER or sheet.voids:
        return None
    share = share_ppm(sheet.amount_minor, products.newest(work.tx, line.product_id).proceeds_ppm)
    if not share:
        return None
    paid = (repayment_id(sheet.paper_id), line.line_id, share, sheet.currency, sheet.effective_on)
    return take_repayment_in(work, RepaymentRequest(*paid), by)[0]
