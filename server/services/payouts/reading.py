"""Reading what a rail sends back, and holding it against what it was asked."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from core.lending.payout import Answer, Finding, Outcome, PayoutState, instruction_id
from server.services.centre import Centre, RequestError, Work
from server.services.hooks.signature import ID_HEADER, require_signed
from server.services.payouts.admitting import ANSWERS, RailFile
from server.services.payouts.answering import Source, Taken, take_answers
from server.services.payouts.bringing import let_in
from server.services.payouts.foreseeing import effect_of
from server.services.payouts.iso_answers import read_bank
from server.services.payouts.rails import Rail, RailError, RailKind, Rails, read_amount
from server.services.payouts.safe_xml import read_xml
from server.services.payouts.webhook_rail import WebhookRail, read_said
from server.store import payouts, people, rail_books
from server.store.money_words import KeptWord
from server.store.people import Actor

T = TypeVar("T")
CSV_BYTES_MAX = 32 * 1024 * 1024
CSV_ROWS_MAX = 100_000
CSV_COLUMNS = ("instruction_id", "outcome", "amount", "currency", "reference", "reason")
CHUNK_ANSWERS = 500  # in one transaction
LOOKED_AT = (Finding.UNMATCHED, Finding.WRONG_AMOUNT, Finding.CONTRADICTS)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a file or a message of a rail came to; ``known_count`` were read before."""

    rail: str
    kind: str
    answers_count: int
    known_count: int
    findings: Mapping[str, int]
    open: tuple[Taken, ...]
    waits: KeptWord | None = None


def reconcile(centre: Centre, rails: Rails, rail: str, data: bytes, by: Actor) -> Reconciled:
    """Read a rail's file and take what it says; the same file again changes nothing.

    What one person may not bring alone changes nothing before another brings it too
    (:mod:`server.services.payouts.admitting`): then ``waits`` is the word that waits.

    Raises
    ------
    RailError
        If the rail is not set up.
    RequestError
        If the file cannot be read; nothing of it is taken then.
    RoleError
        If who brings it may not.
    """
    found = named_rail(rails, rail)
    if found.terms.kind is RailKind.ISO20022:
        kind, answers, whole = read_bank(read_xml(data))
        answers = (*answers, *_all_of(centre, whole))
    else:
        kind, answers = "csv", read_csv(data)
    source, taken = Source.of(rail, kind, data), list[Taken]()
    with centre.store.reading() as tx:
        effect = effect_of(centre.work(tx, centre.now_ms()), source, answers, by)
    waits = let_in(centre, RailFile(found.terms, ANSWERS, source.sha256), effect, by)
    if waits is not None:
        return Reconciled(rail, kind, len(answers), 0, {}, (), waits)
    for first in range(0, len(answers), CHUNK_ANSWERS):
        chunk = answers[first : first + CHUNK_ANSWERS]
        taken += centre.write(partial(_take, source=source, chunk=(first, chunk), by=by))
    centre.write(lambda work: _record(work, source, taken, by))
    return _summed(source, taken)


def take_call(
    centre: Centre, rails: Rails, rail: str, headers: Mapping[str, str], body: bytes
) -> Taken:
    """Take a signed call of a payment service; the same call again changes nothing.

    Raises
    ------
    RailError
        If the rail is not set up, or does not call.
    SignatureError
        If the call is not by the shared secret, or not of now.
    RequestError
        If its body is no answer.
    """
    found = named_rail(rails, rail)
    if not isinstance(found, WebhookRail):
        raise RailError(f"expected a rail that calls, got {rail}: it answers with files")
    message_id = require_signed([found.secret], headers, body, centre.now_ms())
    answer = read_said(body)
    source = Source.of(rail, "call", f"{ID_HEADER}:{message_id}\n".encode() + body)
    by = Actor(rail, "rail")
    [taken] = centre.write(lambda work: take_answers(work, source, [answer], by))
    return taken


def named_rail(rails: Rails, rail: str) -> Rail:
    """The rail of that name.

    Raises
    ------
    RailError
        If it is not set up here.
    """
    found = rails.get(rail)
    if found is None:
        known = ", ".join(sorted(rails)) or "none"
        raise RailError(f"expected one of the rails of rails.toml ({known}), got {rail[:64]!r}")
    return found


def read_csv(data: bytes) -> tuple[Answer, ...]:
    """The answers of a CSV file, all or none.

    Raises
    ------
    RequestError
        If it is too large, or a row cannot be; the message says which.
    """
    return read_rows(data, CSV_COLUMNS, CSV_COLUMNS[:4], _row)


def read_rows(
    data: bytes, columns: Sequence[str], needed: Sequence[str],
    read: Callable[[int, Mapping[str, str | None]], T],
) -> tuple[T, ...]:  # fmt: skip
    """The rows of a CSV file, each read with its number, all or none.

    Raises
    ------
    RequestError
        If it is too large, or a row cannot be; the message says which.
    """
    if len(data) > CSV_BYTES_MAX:
        raise RequestError(f"expected at most {CSV_BYTES_MAX} bytes, got {len(data)}")
    try:
        rows = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        missing = set(needed) - set(rows.fieldnames or ())
        if missing:
            raise RequestError(f"expected columns {', '.join(columns)}, without {missing}")
        found = [read(number, row) for number, row in enumerate(rows, 2)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"expected CSV in UTF-8: {error}") from error
    if len(found) > CSV_ROWS_MAX:
        raise RequestError(f"expected at most {CSV_ROWS_MAX} rows, got {len(found)}")
    return tuple(found)


def _row(number: int, row: Mapping[str, str | None]) -> Answer:
    currency = row.get("currency") or ""
    amount = read_amount(row.get("amount") or "", currency)
    try:
        outcome = Outcome((row.get("outcome") or "").strip())
    except ValueError as error:
        words = ", ".join(each.value for each in Outcome)
        raise RequestError(f"line {number}: expected an outcome of {words}") from error
    if amount is None:
        raise RequestError(f"line {number}: expected an amount in {currency[:3]} such as 1234.50")
    return Answer(
        (row.get("instruction_id") or "").strip(),
        outcome,
        amount,
        currency,
        row.get("reference") or "",
        row.get("reason") or "",
    )


def _all_of(centre: Centre, batch_id: str) -> tuple[Answer, ...]:
    """A rejection of each instruction of a batch that was rejected as a whole."""
    if not batch_id:
        return ()
    with centre.store.reading() as tx:
        found = payouts.of_batch(tx, batch_id)
    return tuple(
        Answer(
            instruction_id(each.payout_id, each.attempt), Outcome.REJECTED,
            reason="the bank rejected the whole message",
        )
        for each in found
        if each.state in (PayoutState.SENT, PayoutState.STUCK, PayoutState.FAILED)
    ) or (Answer(batch_id, Outcome.REJECTED, reason="no batch of this id is out"),)  # fmt: skip


def _take(
    work: Work, source: Source, chunk: tuple[int, Sequence[Answer]], by: Actor
) -> tuple[Taken, ...]:
    first, answers = chunk
    return take_answers(work, source, answers, by, first)


def _record(work: Work, source: Source, taken: Sequence[Taken], by: Actor) -> None:
    counts = Counter(each.answer.finding.value for each in taken if each.is_new)
    detail = {
        "kind": source.kind, "sha256": source.sha256, "findings": dict(counts), "let_in": True,
    }  # fmt: skip
    subject = ("rail", source.rail)
    people.record(work.tx, work.at_ms, by, "rail_reconciled", subject, detail)


def _summed(source: Source, taken: Sequence[Taken]) -> Reconciled:
    counts = Counter(each.answer.finding.value for each in taken)
    return Reconciled(
        rail=source.rail,
        kind=source.kind,
        answers_count=len(taken),
        known_count=sum(not each.is_new for each in taken),
        findings=dict(sorted(counts.items())),
        open=tuple(each for each in taken if each.answer.finding in LOOKED_AT),
    )


def open_findings(centre: Centre) -> tuple[rail_books.KeptAnswer, ...]:
    """Answers that did not fit, oldest first."""
    with centre.store.reading() as tx:
        return rail_books.answers(tx, LOOKED_AT)
