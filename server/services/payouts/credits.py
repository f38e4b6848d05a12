"""Money that came in by itself: a bank's credits, and a service's list of them, as repayments.

A farmer who pays by transfer writes the line's id as the reference; what the bank books as a
credit repays that line as of its value day, once. What names no line of ours, several, or what
cannot be a repayment moves nothing and is listed for people.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from core.canonical import sha256_hex
from core.lending.payout import read_instruction_id
from server.services.centre import Centre, RequestError, Work
from server.services.payouts.admitting import CREDITS, Effect, RailFile
from server.services.payouts.bringing import let_in
from server.services.payouts.iso_answers import AMOUNTS, booked_entries
from server.services.payouts.rails import RailKind, Rails, read_amount
from server.services.payouts.reading import named_rail, read_rows
from server.services.payouts.safe_xml import each_at, read_xml, text_at
from server.services.payouts.taken_back import repayment_id
from server.services.posting import RepaymentRequest, take_repayment_in
from server.store import ledger, lines, people
from server.store.engine import ConflictError, Tx
from server.store.money_words import KeptWord
from server.store.people import Actor

CSV_COLUMNS = ("reference", "line_id", "amount", "currency", "day")
REFERENCE_CHARACTERS_MAX = 64
CREDIT_MINOR_MAX = 10**12  # [minor units]; far above any line, and sums of it stay exact
_LINE = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_PARTS = (8, 4, 4, 4, 12)  # of a UUID as we write it
_NO_ID = "NOTPROVIDED"  # what banks write where the payer gave no end-to-end id


@dataclass(frozen=True, slots=True)
class Credit:
    """Money that came in [minor units]; ``words`` are all that may name a line.

    ``references`` are the payer's, then the bank's own: a payer may give the same to each.
    """

    references: tuple[str, ...]
    words: tuple[str, ...]
    amount_minor: int | None
    currency: str
    day: str


@dataclass(frozen=True, slots=True)
class Came:
    """What became of a credit; ``why`` it repaid nothing, if it did not."""

    credit: Credit
    line_id: str = ""
    is_new: bool = False
    why: str = ""


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of a file of credits; ``waits`` is the word that waits, if it was not taken."""

    came: tuple[Came, ...]
    waits: KeptWord | None = None


def take_credits(centre: Centre, rails: Rails, rail: str, data: bytes, by: Actor) -> Brought:
    """Book what came in by a rail's file as repayments; the same file again changes nothing.

    What one person may not bring alone changes nothing before another brings it too
    (:mod:`server.services.payouts.admitting`).

    Raises
    ------
    RailError
        If the rail is not set up.
    RequestError
        If the file cannot be read; nothing of it is taken then.
    RoleError
        If who brings it may not.
    """
    terms = named_rail(rails, rail).terms
    is_bank = terms.kind is RailKind.ISO20022
    found = tuple(_of_bank(read_xml(data))) if is_bank else _of_list(data)
    with centre.store.reading() as tx:
        effect = Effect(sum(_moved_minor(tx, rail, each) for each in found))
    waits = let_in(centre, RailFile(terms, CREDITS, sha256_hex(data)), effect, by)
    if waits is not None:
        return Brought((), waits)
    came = tuple(_take(centre, rail, each, by) for each in found)
    counts = Counter("refused" if each.why else "new" if each.is_new else "known" for each in came)
    detail = {"sha256": sha256_hex(data), "credits": dict(counts)}
    centre.write(
        lambda work: people.record(
            work.tx, work.at_ms, by, "rail_credits_taken", ("rail", rail), detail
        )
    )
    return Brought(came)


def _moved_minor(tx: Tx, rail: str, credit: Credit) -> int:
    """What a credit would repay that is not booked yet [minor units]."""
    is_known = ledger.find_repayment(tx, repayment_id(rail, *credit.references)) is not None
    if is_known or len(_named(tx, credit)) != 1 or credit.amount_minor is None:
        return 0
    return credit.amount_minor if 0 < credit.amount_minor <= CREDIT_MINOR_MAX else 0


def _named(tx: Tx, credit: Credit) -> list[str]:
    """The lines of ours that a credit names."""
    named = {each for words in credit.words for each in _ids(words)}
    return sorted(each for each in named if lines.find(tx, each) is not None)


def _take(centre: Centre, rail: str, credit: Credit, by: Actor) -> Came:
    """Each in a transaction of its own: one that cannot be holds no other up."""
    try:
        return centre.write(lambda work: _taken(work, rail, credit, by))
    except (RequestError, ConflictError) as error:
        return Came(credit, why=str(error))


def _taken(work: Work, rail: str, credit: Credit, by: Actor) -> Came:
    known = _named(work.tx, credit)
    if len(known) != 1:
        return Came(credit, why="it names no line of ours" if not known else "it names several")
    if not credit.references or max(map(len, credit.references)) > REFERENCE_CHARACTERS_MAX:
        return Came(credit, why=f"expected a reference of 1 to {REFERENCE_CHARACTERS_MAX} letters")
    if credit.amount_minor is None:
        return Came(credit, why="it does not tell how much")
    if credit.amount_minor > CREDIT_MINOR_MAX:
        return Came(credit, why=f"expected at most {CREDIT_MINOR_MAX} minor units")
    name = repayment_id(rail, *credit.references)
    request = RepaymentRequest(name, known[0], credit.amount_minor, credit.currency, credit.day)
    _, is_new = take_repayment_in(work, request, by)
    return Came(credit, known[0], is_new)


def _ids(words: str) -> Iterator[str]:
    """The ids that may be lines', as people write them: in any case, with dashes or without."""
    for found in _LINE.findall(words.lower()):
        digits = iter(found.replace("-", ""))
        yield "-".join("".join(next(digits) for _ in range(size)) for size in _PARTS)


def _of_bank(root: ET.Element) -> Iterator[Credit]:
    for entry in booked_entries(root):
        details = list(each_at(entry, "NtryDtls/TxDtls"))
        for told in details or [entry]:
            direction = text_at(told, "CdtDbtInd") or text_at(entry, "CdtDbtInd")
            is_back = told.find("RtrInf") is not None or text_at(entry, "RvslInd") == "true"
            own = text_at(told, "Refs/InstrId") or text_at(told, "Refs/EndToEndId")
            if direction == "CRDT" and not is_back and not read_instruction_id(own)[0]:
                yield _of_entry(entry, told, is_alone=len(details) <= 1)


def _of_entry(entry: ET.Element, told: ET.Element, *, is_alone: bool) -> Credit:
    own = text_at(told, "Refs/EndToEndId")
    bank = text_at(told, "Refs/AcctSvcrRef") or (text_at(entry, "AcctSvcrRef") if is_alone else "")
    amounts = [told.find(path) for path in AMOUNTS] + [entry.find("Amt") if is_alone else None]
    amount = next((each for each in amounts if each is not None), None)
    currency = amount.get("Ccy", "") if amount is not None else ""
    return Credit(
        references=tuple(each for each in (own, bank) if each not in ("", _NO_ID)),
        words=(
            own,
            *(each.text or "" for each in each_at(told, "RmtInf/Ustrd")),
            *(each.text or "" for each in each_at(told, "RmtInf/Strd/CdtrRefInf/Ref")),
        ),
        amount_minor=read_amount(amount.text or "", currency) if amount is not None else None,
        currency=currency,
        day=text_at(entry, "ValDt/Dt") or text_at(entry, "BookgDt/Dt"),
    )


def _of_list(data: bytes) -> tuple[Credit, ...]:
    def read(number: int, row: Mapping[str, str | None]) -> Credit:
        told = {name: (row.get(name) or "").strip() for name in CSV_COLUMNS}
        amount = read_amount(told["amount"], told["currency"])
        if amount is None:
            raise RequestError(
                f"line {number}: expected an amount in {told['currency'][:3]} such as 1234.50"
            )
        own = (told["reference"],) if told["reference"] else ()
        return Credit(own, (told["line_id"],), amount, told["currency"], told["day"])

    return read_rows(data, CSV_COLUMNS, CSV_COLUMNS, read)


def left_open(came: Sequence[Came]) -> tuple[Came, ...]:
    """What repaid nothing, for people to look at."""
    return tuple(each for each in came if each.why)
