"""Who may hold the lender's cash at a station, within which limits, and what they hold.

A card is a secret of 256 bits that is shown once; its signing key follows from it, and the
centre keeps the public half. What a count found short or over ends only by the word of two
(:mod:`server.services.money_words`): paid by the agent, lost, or nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import Enum

from core.canonical import sha256_hex
from core.lending.books import agent_account, difference_account
from core.lending.cashbox import Box, box_of
from core.lending.ledger import Entry, EntryKind, transfer
from core.wire.cash import CashPerson, CashRole, card_seed
from core.wire.records import Down
from server.keys import public_key_of
from server.services.centre import Centre, RequestError, Work
from server.services.downlink import send
from server.store import cash, cash_sums, ledger, money_words, people, registry
from server.store.cash_sums import BoxMoves
from server.store.engine import ConflictError, NotKnownError, Tx
from server.store.people import Actor

SHORTAGE, OVERAGE = "expense/cash-shortage", "income/cash-overage"
ENDED_CAUSE = "cash/ended/"
NAME_CHARACTERS_MAX = 100


class Ending(Enum):
    """What becomes of cash that was short or over."""

    PAID = "paid"  # short: the agent paid it at the centre's till
    LOST = "lost"  # short: an expense
    NOBODYS = "nobodys"  # over: an income


@dataclass(frozen=True, slots=True)
class NewPerson:
    """A person who is to hold cash, within which limits [minor units]."""

    person_id: str
    name: str
    role: CashRole
    station: str
    currency: str
    hold_max_minor: int
    pay_day_max_minor: int


@dataclass(frozen=True, slots=True)
class Held:
    """What a person holds as far as the centre has heard, and what was short or over of it.

    ``difference_minor`` is the balance of what counts found: short in debit; ``box`` tells
    the last month's shortages and overages each by itself. ``flags_count`` moves were wrong.
    """

    person: CashPerson
    box: Box
    ledger_minor: int
    difference_minor: int
    flags_count: int
    last_heard_on: str


def add_person(centre: Centre, new: NewPerson, actor: Actor) -> tuple[CashPerson, str]:
    """Let a person hold cash at a station; with the secret of their card, shown once.

    Raises
    ------
    NotKnownError
        If there is no such station.
    RequestError
        If the name or a limit cannot be.
    ConflictError
        If somebody is called so already.
    """
    token = centre.new_token()
    return centre.write(lambda work: _add(work, new, token, actor)), token


def renew_card(centre: Centre, person_id: str, actor: Actor) -> tuple[CashPerson, str]:
    """A new card for a person; the one before signs nothing from then on.

    Raises
    ------
    NotKnownError
        If there is no such person.
    """
    token = centre.new_token()

    def act(work: Work) -> CashPerson:
        known = cash.person(work.tx, person_id)
        return _put(work, _with_card(known, token), actor, "cash_card_renewed")

    return centre.write(act), token


def change_person(
    centre: Centre, person_id: str, limits: tuple[int, int] | None, actor: Actor, *, active: bool
) -> CashPerson:
    """Change what a person may hold and pay out a day, or let them hold no cash any more.

    Raises
    ------
    NotKnownError
        If there is no such person.
    RequestError
        If a limit cannot be.
    """

    def act(work: Work) -> CashPerson:
        known = replace(cash.person(work.tx, person_id), active=active)
        if limits is not None:
            known = replace(known, hold_max_minor=limits[0], pay_day_max_minor=limits[1])
            _require_limits(known.role, limits)
        return _put(work, known, actor, "cash_person_changed")

    return centre.write(act)


def add_login(centre: Centre, person_id: str, username: str, actor: Actor) -> None:
    """Note that a person who holds cash logs in by a name: it bounces nothing they took.

    Raises
    ------
    NotKnownError
        If there is no such person, or nobody logs in by that name.
    """

    def act(work: Work) -> None:
        cash.person(work.tx, person_id)
        if people.user(work.tx, username) is None:
            raise NotKnownError(f"expected a person who may log in, got {username[:64]!r}")
        if money_words.add_login(work.tx, person_id, username, (work.at_ms, actor.name)):
            subject, detail = ("cash_person", person_id), {"username": username}
            people.record(work.tx, work.at_ms, actor, "cash_login_added", subject, detail)

    centre.write(act)


def held(tx: Tx, on: date) -> tuple[Held, ...]:
    """What everybody holds who was ever to hold cash."""
    found, moved = cash.people(tx), cash_sums.by_person(tx, on)
    accounts = [
        account(one.person_id) for one in found for account in (agent_account, difference_account)
    ]
    stands = cash_sums.balances(tx, accounts)
    return tuple(_held(one, moved.get(one.person_id, BoxMoves()), stands, on) for one in found)


def _held(
    person: CashPerson, moved: BoxMoves, stands: Mapping[tuple[str, str], int], on: date
) -> Held:
    def balance(account: str) -> int:
        return stands.get((account, person.currency), 0)

    return Held(
        person=person,
        box=box_of(moved.moves, on),
        ledger_minor=balance(agent_account(person.person_id)),
        difference_minor=balance(difference_account(person.person_id)),
        flags_count=moved.flags_count,
        last_heard_on=moved.last_heard_on,
    )


def _add(work: Work, new: NewPerson, token: str, actor: Actor) -> CashPerson:
    if registry.find_station(work.tx, new.station) is None:
        raise NotKnownError(f"expected a station that is enrolled, got {new.station!r}")
    if cash.find_person(work.tx, new.person_id) is not None:
        raise ConflictError(f"cash person {new.person_id} exists: change them, or renew the card")
    if not new.person_id.replace("-", "").isalnum() or not new.person_id.isascii():
        raise RequestError(f"expected an id of letters, digits and hyphens, got {new.person_id!r}")
    if not 0 < len(new.name) <= NAME_CHARACTERS_MAX:
        raise RequestError(f"expected a name of 1 to {NAME_CHARACTERS_MAX} characters")
    limits = (new.hold_max_minor, new.pay_day_max_minor)
    _require_limits(new.role, limits)
    person = CashPerson(
        new.person_id, new.name, new.role, new.station, "", "", new.currency, *limits, active=True
    )
    return _put(work, _with_card(person, token), actor, "cash_person_added")


def _require_limits(role: CashRole, limits: tuple[int, int]) -> None:
    fits = all(each > 0 for each in limits) if role is CashRole.AGENT else limits == (0, 0)
    if not fits:
        raise RequestError(
            "expected limits above 0 for an agent, and none for a keeper, who has no box; "
            f"got {limits[0]} and {limits[1]}"
        )


def _with_card(person: CashPerson, token: str) -> CashPerson:
    public = public_key_of(card_seed(token)).hex()
    return replace(person, public_key=public, card_sha256=sha256_hex(token.encode()))


def _put(work: Work, person: CashPerson, actor: Actor, action: str) -> CashPerson:
    cash.put_person(work.tx, person, (work.at_ms, actor.name))
    send(work, person.station, Down.CASH_PERSON, person)
    detail = {
        "station": person.station, "role": person.role.value, "active": person.active,
        "hold_max_minor": person.hold_max_minor, "pay_day_max_minor": person.pay_day_max_minor,
    }  # fmt: skip
    subject = ("cash_person", person.person_id)
    people.record(work.tx, work.at_ms, actor, action, subject, detail)
    return person


def require_endable(work: Work, person_id: str, ending: tuple[Ending, int]) -> int:
    """What is open of cash that was short or over, if that much of it can end so [minor units].

    Raises
    ------
    NotKnownError
        If there is no such person.
    RequestError
        If less is open than is to be ended, or it is short and not over, or the other way.
    """
    how, amount_minor = ending
    person = cash.person(work.tx, person_id)
    account = difference_account(person_id)
    open_minor = ledger.account_balance(work.tx, account, person.currency)
    is_short = how is not Ending.NOBODYS
    most = open_minor if is_short else -open_minor
    if not 0 < amount_minor <= most:
        told = "short" if is_short else "over"
        raise RequestError(
            f"expected at most {max(0, most)} that {person_id} is {told}, got {amount_minor}"
        )
    return open_minor


def end_difference(
    work: Work, person_id: str, ending: tuple[Ending, int], said: tuple[Actor, str]
) -> None:
    """Book what two officers said of cash that was short or over: the second, and their word."""
    ledger.lock_chain(work.tx, work.settings.name)
    require_endable(work, person_id, ending)
    (how, amount_minor), (actor, word_id) = ending, said
    account, currency = difference_account(person_id), cash.person(work.tx, person_id).currency
    debit, credit = {
        Ending.PAID: (f"cash/{work.settings.name}", account),
        Ending.LOST: (SHORTAGE, account),
        Ending.NOBODYS: (account, OVERAGE),
    }[how]
    moved = transfer(debit, credit, currency, amount_minor)
    on, cause = work.today().isoformat(), f"{ENDED_CAUSE}{word_id}"
    entry = Entry(work.new_id(), EntryKind.CASH_DIFFERENCE, on, work.at_ms, cause, moved)
    ledger.post(work.tx, work.settings.name, entry)
    detail = {"ending": how.value, "amount_minor": amount_minor, "word_id": word_id}
    subject = ("cash_person", person_id)
    people.record(work.tx, work.at_ms, actor, "cash_difference_ended", subject, detail)
