"""How high a limit the rule, a role or an officer may set: who may say so, and who is held to it.

Without any word about an officer or their role there is no bound; the first word about
either holds them, and a product's own word comes before the word for every product.
"""

from __future__ import annotations

from core.units import format_money
from server.services.centre import Centre, RequestError, RoleError, Work
from server.store import authorities, people, products
from server.store.authorities import EVERY_PRODUCT, RULE, Authority
from server.store.engine import NotKnownError, Tx
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


def set_authority(
    centre: Centre, holder: str, product_id: str, most: tuple[int, str], by: Actor
) -> Authority:
    """Say how high a limit a holder may set, from now on.

    Raises
    ------
    RequestError
        If the amount or the holder cannot be, or it is the officer's own authority.
    NotKnownError
        If there is no such user or product.
    """
    return centre.write(lambda work: _set(work, holder, product_id, most, by))


def _set(work: Work, holder: str, product_id: str, most: tuple[int, str], by: Actor) -> Authority:
    amount_minor, currency = most
    _require_holder(work.tx, holder, by)
    if not 0 <= amount_minor <= AMOUNT_MINOR_MAX:
        raise RequestError(f"expected an amount of 0 to {AMOUNT_MINOR_MAX}, got {amount_minor}")
    sold = {each.product_id: each.currency for each in products.in_force(work.tx)}
    if product_id != EVERY_PRODUCT and product_id not in sold:
        raise NotKnownError(f"expected a product that is offered, got {product_id[:64]!r}")
    if currency not in sold.values():
        raise RequestError(f"expected a currency of a product, got {currency[:8]!r}")
    people.lock_trail(work.tx)
    known = authorities.newest(work.tx).get((holder, product_id, currency))
    told = Authority(
        holder, product_id, currency, known.version + 1 if known else 1, amount_minor,
        work.at_ms, by.name,
    )  # fmt: skip
    authorities.add(work.tx, told)
    detail = {"product_id": product_id, "currency": currency, "amount_minor": amount_minor}
    people.record(work.tx, work.at_ms, by, "authority_set", ("authority", holder), detail)
    return told


def _require_holder(tx: Tx, holder: str, by: Actor) -> None:
    if holder in (authorities.user_holder(by.name), authorities.role_holder(by.role)):
        raise RequestError(f"expected another person than {by.name} to set their own authority")
    kind, _, name = holder.partition(":")
    if holder == RULE or (kind == "role" and name in {each.value for each in _ROLES}):
        return
    if kind != "user":
        raise RequestError(f"expected rule, role:ROLE or user:NAME, got {holder[:64]!r}")
    if people.user(tx, name) is None:
        raise NotKnownError(f"expected a user, got {name[:64]!r}")
