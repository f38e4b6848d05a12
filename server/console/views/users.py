"""Users with their role, scope and visits; tokens; and authority, as they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from server.console.words import code, known
from server.services.officers import known_values
from server.store import authorities, people, products, scoping, second_factors, visits
from server.store.authorities import Authority
from server.store.engine import Tx
from server.store.people import Token, User
from server.store.scoping import Dimension, Holder, Scope
from server.store.visits import Visit


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user, the part of the book that they see, and where they are logged in."""

    user: User
    scope: Scope
    scope_words: str
    visits: tuple[Visit, ...]
    has_second_factor: bool


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token, and the part of the book that it sees."""

    token: Token
    scope: Scope
    scope_words: str


@dataclass(frozen=True, slots=True)
class UsersPage:
    """Everybody who may come in, and by what a scope may be bounded."""

    users: tuple[UserRow, ...]
    tokens: tuple[TokenRow, ...]
    known: Mapping[Dimension, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class AuthorityPage:
    """Every word on authority that holds, and what a new one may be about."""

    rows: tuple[Authority, ...]
    products: Mapping[str, str]
    currencies: tuple[str, ...]
    usernames: tuple[str, ...]


def read_users(tx: Tx, since_ms: int) -> UsersPage:
    """Users and tokens; visits that began after an instant and go on."""
    held = second_factors.holders(tx)
    users = tuple(
        _user(tx, each, since_ms, holds=each.username in held) for each in people.all_users(tx)
    )
    tokens = []
    for each in people.all_tokens(tx):
        scope = scoping.scope_of(tx, Holder.TOKEN, each.label)
        tokens.append(TokenRow(each, scope, _seen(scope)))
    return UsersPage(users, tuple(tokens), known_values(tx))


def _user(tx: Tx, user: User, since_ms: int, *, holds: bool) -> UserRow:
    scope = scoping.scope_of(tx, Holder.USER, user.username)
    open_visits = visits.of_user(tx, user.username, since_ms)
    return UserRow(user, scope, _seen(scope), open_visits, holds)


def _seen(scope: Scope) -> str:
    """What a scope lets be seen, in words; the trail has it in English."""
    parts = [
        f"{code(each.value)} {', '.join(sorted(scope.values(each)))}"
        for each in Dimension
        if scope.values(each)
    ]
    return "; ".join(parts) or known("the whole book")


def read_authority(tx: Tx) -> AuthorityPage:
    """The words on authority that hold now, by holder."""
    rows = sorted(authorities.newest(tx).values(), key=lambda one: (one.holder, one.product_id))
    sold = products.in_force(tx)
    return AuthorityPage(
        rows=tuple(rows),
        products={one.product_id: one.name for one in sold},
        currencies=tuple(sorted({one.currency for one in sold})),
        usernames=tuple(each.username for each in people.all_users(tx)),
    )
