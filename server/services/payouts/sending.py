"""One round of paying: claim what is due, hand it to its rail, write down how that went.

Before anything leaves, the payout is *sent* in the books and its document is stored: a
process that dies afterwards leaves the very same bytes to the next one, under the same
instruction id. A row that one transaction holds is passed over by the others, and after
that its claim keeps it for as long as handing over can take.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from core.canonical import canonical_hash, sha256_hex
from core.errors import HarvestlineError
from core.lending.payout import PayoutEvent, PayoutState, instruction_id
from server.keys import Seals
from server.services.centre import Centre, Work
from server.services.hooks.backoff import TRIES_MAX, wait_ms
from server.services.hooks.delivering import CLAIM_MS, chance_ppm
from server.services.paying import HELD_MS, Said, take_step
from server.services.payouts.answering import Source, take_answers
from server.services.payouts.booking import NEVER_MS
from server.services.payouts.payees import Payee, in_force, open_account
from server.services.payouts.rails import Document, Handed, Instruction, Parcel, Rail, Rails
from server.store import lines, payouts, rail_books
from server.store.engine import Tx
from server.store.payees import PayeeRow
from server.store.payouts import Payout
from server.store.people import Actor
from server.store.rail_books import Batch

ROUND_MAX = 1_000  # payouts that are looked at in one round
DOCUMENTS_MAX = 64  # handed over in one round
HOLD_MS = 60_000  # until what lacks an account or a rail is looked at again
_ID_CHARS = 32


@dataclass(frozen=True, slots=True)
class Round:
    """How many payouts were handed over, how many of them their rail has, and what failed."""

    tried_count: int
    taken_count: int
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A document that this process may hand over, and the payouts in it as claimed."""

    rail: str
    document: Document
    payouts: tuple[Payout, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """What a round may send: one rail's or all; ``at_once`` without waiting for more.

    ``by`` is the officer who gave it and stands as preparer of what leaves, else the program.
    """

    rail: str = ""
    at_once: bool = False
    by: Actor | None = None


EVERYTHING = Order()


def is_due(centre: Centre) -> bool:
    """Whether anything waits to be handed over; asked without holding the store."""
    with centre.store.reading() as tx:
        due_ms = payouts.next_due_ms(tx)
    return due_ms is not None and due_ms <= centre.now_ms()


def send_due(centre: Centre, rails: Rails, order: Order = EVERYTHING) -> Round:
    """Hand over what is due, and write down how it went."""
    claims = centre.write(lambda work: claim(work, rails, order))
    rounds = [_handed_over(centre, rails[name], group) for name, group in _by_rail(claims).items()]
    return Round(
        sum(each.tried_count for each in rounds),
        sum(each.taken_count for each in rounds),
        tuple(fault for each in rounds for fault in each.faults),
    )


def _handed_over(centre: Centre, rail: Rail, claims: Sequence[Claim]) -> Round:
    """Hand documents to one rail; what cannot be written down is left to its claim's end."""
    documents = [claim.document for claim in claims]
    handed = list(zip(claims, rail.hand_over(documents, centre.now_ms()), strict=True))
    chances = [chance_ppm(centre) for _ in handed]

    def settle(work: Work) -> tuple[str, ...]:
        faults = []
        answered = [claim for claim, how in handed if how.answers]
        for line_id in sorted({each.line_id for claim in answered for each in claim.payouts}):
            lines.lock(work.tx, line_id)  # an answer may undo a draw of it
        for (claim, how), chance in zip(handed, chances, strict=True):
            try:
                work.tx.attempt(partial(_settle, work, rail, claim, how, chance))
            except HarvestlineError as error:  # one that cannot be booked keeps no other waiting
                faults.append(f"batch {claim.document.batch_id}: {error.code}: {error}")
        return tuple(faults)

    faults = centre.write(settle)
    taken = sum(len(claim.payouts) for claim, how in handed if how.is_taken)
    return Round(sum(len(claim.payouts) for claim in claims), taken, faults)


def _by_rail(claims: Sequence[Claim]) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        found[claim.rail].append(claim)
    return found


def claim(work: Work, rails: Rails, order: Order) -> tuple[Claim, ...]:
    """What a round is to hand over, written down as handed over before it is."""
    again = list(_again(work, rails, order))
    return (*again, *_fresh(work, rails, order, DOCUMENTS_MAX - len(again)))


def _again(work: Work, rails: Rails, order: Order) -> Iterator[Claim]:
    """What was handed over before, and nobody knows whether it arrived."""
    due = payouts.due(work.tx, PayoutState.SENT, work.at_ms, ROUND_MAX, order.rail)
    batches: dict[str, list[Payout]] = defaultdict(list)
    for each in due:
        batches[each.batch_id].append(each)
    for batch_id, group in list(batches.items())[:DOCUMENTS_MAX]:
        batch = rail_books.batch(work.tx, batch_id)
        if batch.rail not in rails:
            _hold(work, group, work.at_ms + HOLD_MS)
            continue
        claimed = tuple(
            replace(each, tries=each.tries + 1, due_at_ms=work.at_ms + CLAIM_MS) for each in group
        )
        for each in claimed:
            payouts.put(work.tx, each)
        yield Claim(batch.rail, _opened(work, batch), claimed)


def _fresh(work: Work, rails: Rails, order: Order, documents_max: int) -> Iterator[Claim]:
    """What has not left yet, in parcels as large as its rail takes."""
    until_ms = HELD_MS - 1 if order.at_once else work.at_ms
    parcels: dict[str, list[tuple[Payout, PayeeRow]]] = defaultdict(list)
    mine = _own(work, rails, order, until_ms)
    for each in payouts.hold(work.tx, mine, PayoutState.PENDING, until_ms):
        payee = in_force(work.tx, (each.payee_kind, each.payee_id))
        if payee is None or hindrance(rails, payee, each):
            _hold(work, [each], work.at_ms + HOLD_MS)
        else:
            parcels[payee.rail].append((each, payee))
    left = documents_max
    for name, group in parcels.items():
        rail = rails[name]
        oldest_ms = min(each.made_at_ms for each, _ in group)
        ripe = order.at_once or work.at_ms >= oldest_ms + rail.wait_ms
        if not ripe and len(group) < rail.batch_max:
            _hold(work, [each for each, _ in group], oldest_ms + rail.wait_ms)
            continue
        for first in range(0, len(group), rail.batch_max):
            if left <= 0:
                return
            left -= 1
            yield _handing(work, rail, group[first : first + rail.batch_max], order.by)


def _own(work: Work, rails: Rails, order: Order, until_ms: int) -> list[str]:
    """What one rail is to pay, or nobody can: looked for without holding what others pay.

    A round that held another rail's payouts would let that rail's own round pass them over,
    and many of one rail would keep the others' out of sight.
    """
    found, of_payee = [], dict[Payee, str]()
    for each in payouts.ripe(work.tx, PayoutState.PENDING, until_ms):
        whom = (each.payee_kind, each.payee_id)
        if whom not in of_payee:
            payee = in_force(work.tx, whom)
            of_payee[whom] = payee.rail if payee is not None and payee.rail in rails else ""
        if order.rail in ("", of_payee[whom]) or not of_payee[whom]:
            found.append(each.payout_id)
        if len(found) >= ROUND_MAX:
            break
    return found


def hindrance(rails: Rails, payee: PayeeRow | None, payout: Payout) -> str:
    """Why a payout cannot leave yet, in words; empty if nothing holds it back."""
    if payout.due_at_ms >= HELD_MS:
        return "held until a person has looked at its draw"
    if payee is None:
        return "no confirmed account"
    rail = rails.get(payee.rail)
    if rail is None:
        return f"rail {payee.rail} is not set up"
    if payout.currency != rail.terms.currency:
        return f"rail {payee.rail} carries {rail.terms.currency}"
    is_above = payout.amount_minor > rail.terms.amount_minor_max
    return f"above the most that rail {payee.rail} carries" if is_above else ""


def _hold(work: Work, group: Sequence[Payout], until_ms: int) -> None:
    for each in group:
        payouts.put(work.tx, replace(each, due_at_ms=until_ms))


def _handing(
    work: Work, rail: Rail, group: Sequence[tuple[Payout, PayeeRow]], by: Actor | None
) -> Claim:
    """Write down that a parcel leaves, with its document, before it does."""
    name = rail.terms.name
    told = tuple(_instruction(work, each, payee) for each, payee in group)
    batch_id = canonical_hash({"instructions": [each.instruction_id for each in told]})[:_ID_CHARS]
    parcel = Parcel(batch_id, work.at_ms, told)
    document = rail.compose(parcel)
    rail_books.add_batch(
        work.tx,
        Batch(
            batch_id, name, told[0].currency, len(told), parcel.sum_minor, document.file_name,
            sha256_hex(document.data), _sealed(work, document), work.at_ms,
        ),
    )  # fmt: skip
    said = Said(by or work.myself, "exported" if by else "due")
    sent = tuple(
        take_step(
            work, each, PayoutEvent.SEND, said, rail=name, payee_seq=payee.seq, batch_id=batch_id,
            tries=1, due_at_ms=work.at_ms + CLAIM_MS,
        )
        for each, payee in group
    )  # fmt: skip
    return Claim(name, document, sent)


def _instruction(work: Work, payout: Payout, payee: PayeeRow) -> Instruction:
    return Instruction(
        instruction_id(payout.payout_id, payout.attempt),
        payout.amount_minor,
        payout.currency,
        open_account(work, payee),
        f"{work.settings.tenant_id} {payout.draw_id}"[:140],
    )


def _settle(work: Work, rail: Rail, claim: Claim, how: Handed, chance: int) -> None:
    if how.is_taken:
        rail_books.mark_written(work.tx, claim.document.batch_id, work.at_ms)
    for claimed in claim.payouts:
        payout = payouts.lock(work.tx, claimed.payout_id)
        as_claimed = (claimed.tries, claimed.batch_id, PayoutState.SENT)
        if (payout.tries, payout.batch_id, payout.state) != as_claimed:
            continue  # an answer came another way meanwhile, or another process has it now
        _put_off(work, rail, payout, how, chance)
    if how.answers:
        source = Source.of(claim.rail, "answer", how.source)
        take_answers(work, source, how.answers, Actor(claim.rail, "rail"))


def _put_off(work: Work, rail: Rail, payout: Payout, how: Handed, chance: int) -> None:
    """When a payout is looked at again, by how handing over went."""
    if how.is_taken and rail.ask_again_ms is None:
        payouts.put(work.tx, replace(payout, due_at_ms=NEVER_MS))
    elif payout.tries >= TRIES_MAX:
        said = Said(work.myself, f"no outcome after {payout.tries} tries", how.told)
        take_step(work, payout, PayoutEvent.GIVE_UP, said, due_at_ms=NEVER_MS)
    else:
        later_ms = (rail.ask_again_ms or 0) if how.is_taken else wait_ms(payout.tries, chance)
        payouts.put(work.tx, replace(payout, due_at_ms=work.at_ms + later_ms))


def _sealed(work: Work, document: Document) -> bytes:
    seals = Seals((work.keys.identity().seal_key,))
    context = _context(work.tx, document.batch_id)
    return seals.seal(work.keys.seal_key_id, document.data, context)


def _opened(work: Work, batch: Batch) -> Document:
    data = work.keys.open(batch.sealed, _context(work.tx, batch.batch_id))
    return Document(batch.batch_id, batch.file_name, data)


def _context(tx: Tx, batch_id: str) -> bytes:
    return f"harvestline/payout-batch/{tx.tenant_id}/{batch_id}".encode()
