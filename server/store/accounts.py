"""Who may log in, step by step: what gives rights names the word of two, and none is changed.

A user's row is what the last step says; the database refuses a row that says otherwise, a
step that gives rights and rests on no word of two persons, and a name that could be taken
for another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import func, select

from core.shape import encode
from server.store.desk_tables import user_steps
from server.store.engine import Tx
from server.store.people import Role, User, person_key
from server.store.rows import read_as
from server.store.scoping import Dimension, Holder, Scope, put_scope
from server.store.tables import users

FOUNDERS = 2  # supervisors; from then on rights are given by two
MARK_CHARS = 16  # of a password's hash: 96 bits of it
_S = user_steps.c

FOUNDED, INVITED, ADOPTED = "founded", "invited", "adopted"
ROLE_RAISED, ROLE_LOWERED, SCOPE_SET = "role_raised", "role_lowered", "scope_set"
PASSWORD_RESET, PASSWORD_CHANGED = "password_reset", "password_changed"  # events, not secrets
LOCKED, UNLOCKED = "locked", "unlocked"
BY_TWO = (INVITED, ROLE_RAISED, SCOPE_SET, PASSWORD_RESET, UNLOCKED)


@dataclass(frozen=True, slots=True)
class UserStep:
    """What a user is from a step on; ``word_id`` names the word of two that it rests on."""

    username: str
    seq: int
    event: str
    role: str
    disabled: bool
    password_mark: str
    scope: str
    word_id: str
    actor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to a user, by whom, when [ms UTC], and by which word."""

    event: str
    actor: str
    at_ms: int
    word_id: str = ""


def scope_text(scope: Scope) -> str:
    """A scope as a step keeps it: each bound once, in order."""
    bounds = sorted((each.value, value) for each in Dimension for value in scope.values(each))
    return "".join(f"{dimension}={value}|" for dimension, value in bounds)


def scope_from(text: str, name: str = "") -> Scope:
    """The scope that a step keeps."""
    bounds = [each.partition("=") for each in text.split("|") if each]
    found = {d: frozenset(v for kind, _, v in bounds if kind == d.value) for d in Dimension}
    return Scope(name, found[Dimension.STATION], found[Dimension.VILLAGE], found[Dimension.PRODUCT])


def last(tx: Tx, username: str) -> UserStep | None:
    """The last step of a user, if there is such a user."""
    row = tx.find_row(user_steps, "-seq", username=username)
    return _step(row) if row else None


def stream(tx: Tx) -> Iterator[UserStep]:
    """Every step, user by user, the oldest first."""
    question = select(user_steps).where(_S.tenant_id == tx.tenant_id)
    return (_step(row) for row in tx.stream(question.order_by(_S.username, _S.seq)))


def is_founded(tx: Tx) -> bool:
    """Whether two supervisors stood at some time: from then on two persons give rights."""
    where = (_S.tenant_id == tx.tenant_id, _S.role == Role.SUPERVISOR.value)
    return int(tx.scalar(select(func.count(_S.username.distinct())).where(*where))) >= FOUNDERS


def take(tx: Tx, user: User, done: Done, scope: Scope | None = None) -> UserStep:
    """Take a user one step on, or add them; ``scope`` is what they see from now on, if told."""
    before = last(tx, user.username)
    step = UserStep(
        username=user.username,
        seq=before.seq + 1 if before else 1,
        event=done.event,
        role=user.role.value,
        disabled=user.disabled,
        password_mark=user.password_hash[-MARK_CHARS:],
        scope=scope_text(scope) if scope is not None else before.scope if before else "",
        word_id=done.word_id,
        actor=done.actor,
        at_ms=done.at_ms,
    )
    tx.insert(user_steps, **encode(step))
    values = {
        "password_hash": user.password_hash, "role": user.role.value, "disabled": user.disabled,
    }  # fmt: skip
    if before is None:
        key = person_key(user.username)
        tx.insert(users, username=user.username, created_at_ms=done.at_ms, person_key=key, **values)
    else:
        tx.change_row(users, {"username": user.username}, values)
    if scope is not None:
        put_scope(tx, Holder.USER, replace(scope, name=user.username))
    return step


def _step(row: dict[str, object]) -> UserStep:
    return read_as(UserStep, {**row, "disabled": bool(row["disabled"])})
