"""How high a limit the rule, a role or an officer may set: who may say so, and who is held to it.

Without any word about an officer or their role there is no bound; the first word about
either holds them, and a product's own word comes before the word for every product.
"""

from __future__ import annotations

from core.units import format_money
from server.services.centre import RequestError, RoleError, Work
from server.services.words_kept import tell
from server.store import authorities, people, products
from server.store.authorities import EVERY_PRODUCT, RULE, Authority
from server.store.engine import NotKnownError, Tx
from server.store.money_words import KeptWord, WordKind
from server.store.people import Actor, Role

AMOUNT_MINOR_MAX = 10**15
_ROLES = (Role.LENDER, Role.SUPERVISOR)


def authority_of(tx: Tx, by: Actor, product_id: str, currency: str) -> int | None:
    """The highest limit that somebody may set on a line [minor units]; None without a bound."""
    holders = (authorities.user_holder(by.name), authorities.role_holder(by.role))
    return authorities.amount_of(tx, holders, product_id, currency)


def require_authority(tx: Tx, by: Actor, product_id: str, limit: tuple[int, str]) -> None:
    """Return if somebody may set a limit [minor units] in a currency.

    Raises
    ------
    RoleError
        If it is above their authority.
    """
    amount_minor, currency = limit
    most = authority_of(tx, by, product_id, currency)
    if most is not None and amount_minor > most:
        raise RoleError(
            f"expected at most {format_money(most, currency)}, which is {by.name}'s authority for "
            f"{product_id}, got {format_money(amount_minor, currency)}: another has to approve it"
        )


def tell_authority(
    work: Work, holder: str, product_id: str, most: tuple[int, str], said: tuple[Actor, str]
) -> KeptWord:
    """Tell how high a limit a holder may set; it holds once another supervisor confirms it.

    Raises
    ------
    RequestError
        If the amount or the holder cannot be, or it is the officer's own authority.
    NotKnownError
        If there is no such user or product.
    RoleError, ConflictError
        If who tells it is no supervisor, or another's word about it waits.
    """
    amount_minor, currency = most
    _require_sayable(work.tx, holder, product_id, most, said[0])
    subject = f"{holder}|{product_id}|{currency}|{amount_minor}"
    body = {
        "holder": holder, "product_id": product_id, "currency": currency,
        "amount_minor": amount_minor,
    }  # fmt: skip
    return tell(work, (WordKind.AUTHORITY, subject), body, *said)


def set_by_two(work: Work, word: KeptWord, by: Actor) -> None:
    """Let a word about authority hold, from now on.

    Raises
    ------
    RequestError, NotKnownError, RoleError
        As for :func:`tell_authority`.
    """
    holder, product_id = str(word.body["holder"]), str(word.body["product_id"])
    most = (int(word.body["amount_minor"]), str(word.body["currency"]))
    _require_sayable(work.tx, holder, product_id, most, by)
    _require_standing(work.tx, (word.told_by, by.name))
    known = authorities.newest(work.tx).get((holder, product_id, most[1]))
    kept = Authority(
        holder, product_id, most[1], known.version + 1 if known else 1, most[0], work.at_ms,
        by.name, word.word_id,
    )  # fmt: skip
    authorities.add(work.tx, kept)
    detail = {"product_id": product_id, "currency": most[1], "amount_minor": most[0],
              "told_by": word.told_by, "word_id": word.word_id}  # fmt: skip
    people.record(work.tx, work.at_ms, by, "authority_set", ("authority", holder), detail)


def sentence(_: Work, word: KeptWord) -> str:
    """What a word about authority would do."""
    amount = format_money(int(word.body["amount_minor"]), str(word.body["currency"]))
    sold = str(word.body["product_id"]) or "every product"
    return f"The highest limit that {word.body['holder']} may set for {sold} is {amount}."


def _require_standing(tx: Tx, names: tuple[str, ...]) -> None:
    for name in names:
        user = people.user(tx, name)
        if user is None or user.disabled or user.role is not Role.SUPERVISOR:
            raise RoleError(f"expected two supervisors who may log in, {name} is none here")


def _require_sayable(
    tx: Tx, holder: str, product_id: str, most: tuple[int, str], by: Actor
) -> None:
    amount_minor, currency = most
    _require_holder(tx, holder, by)
    if not 0 <= amount_minor <= AMOUNT_MINOR_MAX:
        raise RequestError(f"expected an amount of 0 to {AMOUNT_MINOR_MAX}, got {amount_minor}")
    sold = {each.product_id: each.currency for each in products.in_force(tx)}
    if product_id != EVERY_PRODUCT and product_id not in sold:
        raise NotKnownError(f"expected a product that is offered, got {product_id[:64]!r}")
    if currency not in sold.values():
        raise RequestError(f"expected a currency of a product, got {currency[:8]!r}")


def _require_holder(tx: Tx, holder: str, by: Actor) -> None:
    kind, _, name = holder.partition(":")
    if kind == "user" and people.is_one_of(by.name, (name,)):
        raise RequestError(f"expected another person than {by.name} to set their own authority")
    if holder == RULE or (kind == "role" and name in {each.value for each in _ROLES}):
        return
    if kind != "user":
        raise RequestError(f"expected rule, role:ROLE or user:NAME, got {holder[:64]!r}")
    if people.user(tx, name) is None:
        raise NotKnownError(f"expected a user, got {name[:64]!r}")
