"""Covers behind lines: what insurers and guarantors say by file, what they pay, when they end.

A statement is never changed: one that was wrong is ended and stated anew. Nobody stands in
for himself, nor through others; what a cover paid is a repayment by a third party, and
counts in the waterfall as any other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, replace

from core.canonical import sha256_hex
from core.errors import ShapeError
from core.lending.cover import guarantors_in_ring
from core.lending.views import CoverKind
from core.shape import decode, encode
from server.services.beside import (
    TELL_INSURER,
    CoverWord,
    by_cover,
    insured_by_consent,
    paid_minor,
    person_of,
    repayment_of,
)
from server.services.centre import Centre, RequestError, Work
from server.services.consents.using import use_data
from server.services.posting import RepaymentRequest, take_repayment_in
from server.store import covers, lines, people, registry
from server.store.covers import CoverEvent, CoverStep
from server.store.engine import ConflictError, NotKnownError
from server.store.people import Actor

COVERS_MAX = 10_000  # in one file
SUM_MINOR_MAX = 10**15


@dataclass(frozen=True, slots=True)
class Payment:
    """Money that came from a cover for a line [minor units]; the reference makes it count once."""

    cover_id: str
    line_id: str
    amount_minor: int
    on: str
    reference: str


def read_words(data: bytes) -> tuple[CoverWord, ...]:
    """What stands in a file: ``{"covers": […]}``.

    Raises
    ------
    RequestError
        If it is not of that shape.
    """
    try:
        found = json.loads(data)
        listed = found["covers"] if isinstance(found, dict) and set(found) == {"covers"} else None
        if not isinstance(listed, list) or not 0 < len(listed) <= COVERS_MAX:
            raise RequestError(f'expected {{"covers": […]}} with 1 to {COVERS_MAX} covers')
        words = tuple(decode(CoverWord, each, f"covers[{n}]") for n, each in enumerate(listed))
    except (ValueError, RecursionError, ShapeError) as error:
        raise RequestError(f"expected a file of covers: {error}") from error
    extra = [name for each in listed for name in each if name not in CoverWord.__slots__]
    if extra:
        raise RequestError(f"expected the names of docs/cover.md, got {extra[0][:40]!r}")
    return words


def state_covers(centre: Centre, data: bytes, by: Actor) -> tuple[CoverStep, ...]:
    """Take covers from a file, all or none; those that are new.

    Raises
    ------
    RequestError
        If one cannot be, a farmer did not consent to being insured, or guarantors stand in
        a ring.
    ConflictError
        If a cover is known with other terms.
    """
    words, source = read_words(data), sha256_hex(data)

    def act(work: Work) -> tuple[CoverStep, ...]:
        people.lock_trail(work.tx)  # two at once could close a ring that neither sees
        faults = [fault for each in words for fault in each.faults(work.today())]
        if faults:
            raise RequestError("; ".join(faults[:10]))
        found = [_state(work, each, source, by) for each in words]
        return tuple(step for step in found if step is not None)

    return centre.write(act)


def _state(work: Work, word: CoverWord, source: str, by: Actor) -> CoverStep | None:
    registry.farmer(work.tx, word.farmer_id)
    known = covers.of_cover(work.tx, word.cover_id)
    if known:
        if dict(known[0].content) != encode(word):
            raise ConflictError(
                f"cover {word.cover_id}: expected the terms that were stated, got others: end it "
                "and state another"
            )
        return None
    if word.kind is CoverKind.INSURANCE and not insured_by_consent(work, word.farmer_id):
        raise RequestError(
            f"cover {word.cover_id}: expected a standing consent insurance of farmer "
            f"{word.farmer_id}, got none: the farmer gives it at the kiosk"
        )
    if word.kind is CoverKind.GUARANTEE:
        _require_no_ring(work, word)
    step = CoverStep(
        word.cover_id, 1, word.kind, CoverEvent.STATED, word.farmer_id, word.party, word.from_on,
        word.until_on, word.currency, word.sum_minor, encode(word), source, by.name, work.at_ms,
    )  # fmt: skip
    covers.add(work.tx, step)
    if word.kind is CoverKind.INSURANCE:
        use_data(work, word.farmer_id, (TELL_INSURER,), ("cover", word.cover_id))
    detail = {"farmer_id": word.farmer_id, "kind": word.kind.value, "sum_minor": word.sum_minor}
    people.record(work.tx, work.at_ms, by, "cover_stated", ("cover", word.cover_id), detail)
    return step


def _require_no_ring(work: Work, word: CoverWord) -> None:
    stand: dict[str, set[str]] = defaultdict(set)
    for steps in by_cover(covers.every(work.tx)):
        said, today = steps[0], work.today().isoformat()
        ended = steps[-1].event is CoverEvent.ENDED or said.until_on < today
        if said.kind is CoverKind.GUARANTEE and not ended:
            stand[person_of(said.farmer_id)].add(person_of(said.party))
    stand[person_of(word.farmer_id)].add(person_of(word.party))
    ring = guarantors_in_ring(
        {whose: frozenset(who) for whose, who in stand.items()}, person_of(word.farmer_id)
    )
    if ring:
        raise RequestError(
            f"cover {word.cover_id}: expected a guarantor from outside, got a ring: "
            + " ← ".join(ring)
        )


def end_cover(centre: Centre, cover_id: str, reason: str, by: Actor) -> CoverStep:
    """End a cover before its day; it falls out at the next review.

    Raises
    ------
    NotKnownError
        If there is no such cover.
    RequestError
        If it has ended, or no reason is given.
    """

    def act(work: Work) -> CoverStep:
        steps = _known(work, cover_id)
        if not reason.strip() or steps[-1].event is CoverEvent.ENDED:
            raise RequestError(f"cover {cover_id}: expected a reason and a cover that stands")
        said = {"reason": reason.strip()[:500]}
        ended = replace(
            steps[-1], seq=len(steps) + 1, event=CoverEvent.ENDED, content=said, sum_minor=0,
            actor=by.name, at_ms=work.at_ms,
        )  # fmt: skip
        covers.add(work.tx, ended)
        people.record(work.tx, work.at_ms, by, "cover_ended", ("cover", cover_id), said)
        return ended

    return centre.write(act)


def take_payment(centre: Centre, payment: Payment, by: Actor) -> tuple[CoverStep, bool]:
    """Book what a cover paid as a repayment by its party; whether it was new.

    Raises
    ------
    NotKnownError
        If there is no such cover or line.
    RequestError
        If the line is another farmer's, or more is paid than the cover's sum.
    ConflictError
        If the reference is known with other content.
    """
    return centre.write(lambda work: _take_payment(work, payment, by))


def _take_payment(work: Work, payment: Payment, by: Actor) -> tuple[CoverStep, bool]:
    line = lines.lock(work.tx, payment.line_id)
    steps = _known(work, payment.cover_id)
    said = steps[0]
    content = encode(payment)
    same = [
        each
        for each in steps
        if each.event is CoverEvent.PAID and each.content["reference"] == payment.reference
    ]
    if same:
        if dict(same[0].content) != content:
            raise ConflictError(f"payment {payment.reference}: it exists with other content")
        return same[0], False
    left = said.sum_minor - paid_minor(work.tx, steps)
    if (line.farmer_id, line.currency) != (said.farmer_id, said.currency):
        raise RequestError(
            f"cover {said.cover_id}: expected a line of farmer {said.farmer_id} in "
            f"{said.currency}, got {payment.line_id}"
        )
    if not payment.reference or not 0 < payment.amount_minor <= left:
        raise RequestError(
            f"cover {said.cover_id}: expected a reference and 1 to {left} [minor units], got "
            f"{payment.amount_minor}"
        )
    step = replace(
        said, seq=len(steps) + 1, event=CoverEvent.PAID, sum_minor=payment.amount_minor,
        content=content, actor=by.name, at_ms=work.at_ms,
    )  # fmt: skip
    covers.add(work.tx, step)
    repaid = RepaymentRequest(
        repayment_of(said.cover_id, payment.reference), line.line_id, payment.amount_minor,
        line.currency, payment.on,
    )  # fmt: skip
    take_repayment_in(work, repaid, by)
    detail = {"line_id": line.line_id, "amount_minor": payment.amount_minor, "party": said.party}
    people.record(work.tx, work.at_ms, by, "cover_paid", ("cover", said.cover_id), detail)
    return step, True


def _known(work: Work, cover_id: str) -> tuple[CoverStep, ...]:
    steps = covers.of_cover(work.tx, cover_id)
    if not steps:
        raise NotKnownError(f"expected a cover, got {cover_id!r}")
    return steps
