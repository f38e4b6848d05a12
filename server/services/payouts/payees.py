"""Whose account a payout goes to: set by one officer, confirmed by another who types it again.

Changing the account is how money is stolen from a lender, so a word about a payee is only
added, never changed, and while the last one is not confirmed nothing is sent to it.
"""

from __future__ import annotations

import json
from dataclasses import replace

from core.canonical import canonical_bytes, sha256_hex
from core.lending.payout import PayeeKind
from core.shape import decode, encode
from server.keys import Seals
from server.services.centre import Centre, RequestError, RoleError, Work
from server.services.paying import HELD_MS
from server.services.payouts.accounts import Account, require_account
from server.store import payees, payouts, people, registry
from server.store.engine import NotKnownError, Tx
from server.store.payees import PayeeRow
from server.store.people import Actor

SET, CONFIRMED, STOPPED = "set", "confirmed", "stopped"
PAYEE_CHARS_MAX = 64
Payee = tuple[PayeeKind, str]


def set_payee(
    centre: Centre, payee: Payee, where: tuple[str, Account], by: Actor, reason: str
) -> PayeeRow:
    """Name the rail and the account for a payee; another officer has to confirm it.

    Raises
    ------
    RequestError
        If the account, the rail or the reason cannot be.
    NotKnownError
        If there is no such farmer.
    """
    kind, payee_id = payee
    rail, account = where[0], require_account(where[1])
    if not 0 < len(payee_id) <= PAYEE_CHARS_MAX or not payee_id.isprintable() or not rail:
        raise RequestError(f"expected a payee of 1 to {PAYEE_CHARS_MAX} characters and a rail")

    def act(work: Work) -> PayeeRow:
        if kind is PayeeKind.FARMER:
            registry.farmer(work.tx, payee_id)
        seals = Seals((work.keys.identity().seal_key,))
        sealed = seals.seal(
            work.keys.seal_key_id, canonical_bytes(encode(account)), _context(work.tx, payee)
        )
        last = _last(work.tx, payee)
        row = PayeeRow(
            kind, payee_id, last.seq if last else 0, SET, rail, account.masked,
            sha256_hex(sealed), sealed, work.at_ms, by.name, by.role, reason,
        )  # fmt: skip
        return _add(work, row, by)

    return centre.write(act)


def confirm_payee(centre: Centre, payee: Payee, account: Account, by: Actor) -> PayeeRow:
    """Confirm the account that was set, by typing it again; what waits for it is sent then.

    Raises
    ------
    RoleError
        If it is the officer who set it.
    RequestError
        If nothing waits to be confirmed, or the account is another.
    """

    def act(work: Work) -> PayeeRow:
        last = _last(work.tx, payee)
        if last is None or last.event != SET:
            raise RequestError(f"expected an account of {payee[1]} that waits, got none")
        if people.is_one_of(by.name, (last.actor,)):
            raise RoleError(f"{by.name} set this account: another officer confirms it")
        if open_account(work, last) != account:
            raise RequestError("expected the account that was set: ask who set it, and set anew")
        row = replace(
            last, event=CONFIRMED, at_ms=work.at_ms, actor=by.name, role=by.role, reason=""
        )
        kept = _add(work, row, by)
        payouts.wake(work.tx, *payee, work.at_ms, HELD_MS)
        work.ring()
        return kept

    return centre.write(act)


def stop_payee(centre: Centre, payee: Payee, by: Actor, reason: str) -> PayeeRow:
    """Send nothing more to a payee until an account is set and confirmed anew.

    Raises
    ------
    NotKnownError
        If nothing is known of it.
    """

    def act(work: Work) -> PayeeRow:
        last = _last(work.tx, payee)
        if last is None:
            raise NotKnownError(f"expected a payee, got {payee[1][:PAYEE_CHARS_MAX]!r}")
        row = replace(
            last, event=STOPPED, at_ms=work.at_ms, actor=by.name, role=by.role, reason=reason
        )
        return _add(work, row, by)

    return centre.write(act)


def in_force(tx: Tx, payee: Payee) -> PayeeRow | None:
    """The account that money may go to now; None if none is confirmed."""
    last = _last(tx, payee)
    return last if last is not None and last.event == CONFIRMED else None


def open_account(work: Work, row: PayeeRow) -> Account:
    """The account that a word is about."""
    context = _context(work.tx, (row.payee_kind, row.payee_id))
    return decode(Account, json.loads(work.keys.open(row.sealed, context)))


def _last(tx: Tx, payee: Payee) -> PayeeRow | None:
    return next(reversed(payees.words_of_payee(tx, *payee)), None)


def _add(work: Work, row: PayeeRow, by: Actor) -> PayeeRow:
    """Add a word right after the one that it was made from.

    Of two at once the database takes one: nobody confirms past a stop that he did not see.
    """
    kept = replace(row, seq=row.seq + 1)
    payees.add_payee(work.tx, kept)
    subject = ("payee", f"{row.payee_kind.value}/{row.payee_id}")
    detail = {"seq": kept.seq, "rail": row.rail, "content_sha256": row.content_sha256}
    people.record(work.tx, work.at_ms, by, f"payee_{row.event}", subject, detail)
    return kept


def _context(tx: Tx, payee: Payee) -> bytes:
    return f"harvestline/payee/{tx.tenant_id}/{payee[0].value}/{payee[1]}".encode()
