"""The promises of payouts: one for each draw that a rail pays, legal steps, and the right sums.

A payout's steps are those that the table permits and the trail tells; the ledger holds an
entry for each that moved money and no other; and what stands in the accounts of payees is
what is open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import attrgetter

from core.canonical import canonical_hash
from core.lending.agreed import draw_fact
from core.lending.ledger import EntryLine
from core.lending.payout import TRANSITIONS, UNDONE, PayoutEvent, PayoutState
from server.services.audit.finding import Look, Looks, first_fault
from server.services.centre import Centre
from server.services.paying import (
    FARMER_ACCOUNTS,
    STEP_ACTION,
    SUPPLIER_ACCOUNTS,
    owed_account,
    owed_cause,
    told_of,
)
from server.services.payouts.booking import (
    paid_cause,
    rail_account,
    returned_cause,
    undone_cause,
)
from server.services.standing import suspense_account
from server.store import ledger, payouts, people
from server.store.engine import Tx
from server.store.payouts import Payout, Step

PAGE_PAYOUTS = 500
_TABLE, _STEPS = "payouts", "payout_steps"
Booked = Mapping[str, frozenset[EntryLine]]


def lives(_: Centre, tx: Tx) -> Looks:
    """Every step follows from the one before it, and stands in the trail as it was taken."""
    trail = _trail(tx)
    known = payouts.stream(tx)
    last: dict[str, tuple[PayoutState, int]] = {}
    for payout_id, steps in groupby(payouts.stream_steps(tx), attrgetter("payout_id")):
        life = tuple(steps)
        last[payout_id] = (life[-1].state, len(life))
        yield from _steps(life)
        told = canonical_hash([told_of(each) for each in life])
        yield first_fault(
            _STEPS, payout_id, (told != trail.get(payout_id), "the steps that the trail tells",
                                "others"),
        )  # fmt: skip
    for each in known:
        stands = (each.state, each.steps_count)
        found = last.get(each.payout_id)
        yield first_fault(
            _TABLE, each.payout_id,
            (found != stands, f"{found[0].value if found else 'a step'}, as its steps lead to",
             each.state.value),
        )  # fmt: skip


def _trail(tx: Tx) -> dict[str, str]:
    found: dict[str, list[dict[str, object]]] = {}
    for row in people.stream_trail(tx, STEP_ACTION):
        found.setdefault(row.object_id, []).append(dict(row.detail))
    return {payout_id: canonical_hash(told) for payout_id, told in found.items()}


def _steps(life: Sequence[Step]) -> Iterator[Look]:
    before: PayoutState | None = None
    for number, step in enumerate(life, 1):
        leads_to = TRANSITIONS.get((before, step.event))
        yield first_fault(
            _STEPS,
            f"{step.payout_id} {step.seq}",
            (step.seq != number, f"step {number}", f"{step.seq}"),
            (
                leads_to is not step.state,
                "a step that the table permits",
                f"{before.value if before else '–'} → {step.event.value} → {step.state.value}",
            ),
        )
        before = step.state


def books(_: Centre, tx: Tx) -> Looks:
    """The ledger holds what each payout's steps moved, once, and payees are owed what is open."""
    stream = payouts.stream(tx)
    while page := list(islice(stream, PAGE_PAYOUTS)):
        causes = [cause for each in page for cause in _causes(each)]
        booked = payouts.booked(tx, causes)
        for each in page:
            yield _booked(tx, each, booked)
    for row in payouts.draws_without_payout(tx, (SUPPLIER_ACCOUNTS, FARMER_ACCOUNTS)):
        yield Look(
            "drawdowns", str(row["draw_id"]), "a payout, for no till paid it",
            f"{row['account']} credited and none: harvestline-server payout adopt",
        )  # fmt: skip
    yield from _owed(tx)


def _causes(payout: Payout) -> tuple[str, ...]:
    return (
        owed_cause(payout.draw_id),
        draw_fact(payout.draw_id),
        paid_cause(payout.payout_id),
        returned_cause(payout.payout_id),
        undone_cause(payout.payout_id, payout.draw_id),
    )


def _booked(tx: Tx, payout: Payout, booked: Booked) -> Look:
    took = payouts.steps_of(tx, payout.payout_id)
    confirmed = [step for step in took if step.event is PayoutEvent.CONFIRM]
    came_back = bool(confirmed) and payout.state is PayoutState.RETURNED
    rail = rail_account(confirmed[0].rail) if confirmed else ""
    owed = owed_account(payout.payee_kind, payout.payee_id, payout.line_id)
    principal = f"loan/principal/{payout.line_id}"
    later, drawn, paid, returned, undone = (
        booked.get(cause, frozenset()) for cause in _causes(payout)
    )
    # A draw that stood in suspense first came from there, and was owed to its payee apart.
    source = suspense_account(payout.line_id) if later else owed
    was_owed = EntryLine(owed, payout.currency, -payout.amount_minor) in later
    wanted = (
        ("the draw's entry", drawn, (principal, source), True),
        ("the entry of its payment", paid, (owed, rail), bool(confirmed)),
        ("the entry of its return", returned, (rail, owed), came_back),
        ("the entry that undoes its draw", undone, (owed, principal), payout.state in UNDONE),
    )
    return first_fault(
        _TABLE,
        payout.payout_id,
        (len(confirmed) > 1, "at most one payment", f"{len(confirmed)}"),
        (bool(later) and not was_owed, f"{payout.amount_minor} owed in {owed}", "another entry"),
        *(
            (found != _lines(payout, accounts, is_there=is_there),
             f"{what}: {_told(payout, is_there=is_there)}",
             f"{sorted((line.account, line.amount_minor) for line in found) or 'none'}")
            for what, found, accounts, is_there in wanted
        ),
    )  # fmt: skip


def _lines(payout: Payout, accounts: tuple[str, str], *, is_there: bool) -> frozenset[EntryLine]:
    if not is_there:
        return frozenset()
    amount, currency = payout.amount_minor, payout.currency
    return frozenset(
        {EntryLine(accounts[0], currency, amount), EntryLine(accounts[1], currency, -amount)}
    )


def _told(payout: Payout, *, is_there: bool) -> str:
    return f"{payout.amount_minor} {payout.currency}" if is_there else "none"


def _owed(tx: Tx) -> Looks:
    """Each payee's account against the payouts that are open."""
    wanted: dict[tuple[str, str], int] = {}
    for (kind, payee_id, line_id, currency), total in payouts.open_sums(tx).items():
        key = (owed_account(kind, payee_id, line_id), currency)
        wanted[key] = wanted.get(key, 0) - total
    for key, found in ledger.trial_balance(tx).items():
        if key[0].startswith((SUPPLIER_ACCOUNTS, FARMER_ACCOUNTS)):
            due = wanted.get(key, 0)
            fault = (found != due, f"{due} {key[1]}, as its open payouts come to", f"{found}")
            yield first_fault("ledger_lines", key[0], fault)
