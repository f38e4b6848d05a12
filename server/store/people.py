"""Who may log in or call: users with a password, tokens with a role, and the audit trail.

The trail is a hash chain: each row names the hash of the one before it, so that a
row that was changed or taken away shows. It holds ids, never names or words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Select, select

from core.canonical import canonical_hash
from server.store.bulk import among
from server.store.engine import NotKnownError, Tx
from server.store.rows import from_json, json_text, read_as
from server.store.tables import api_tokens, audit, users

GENESIS = "0" * 64
TRAIL_FACTS = ("at_ms", "actor", "role", "action", "object_kind", "object_id", "detail")


class Role(Enum):
    """What a person or a program may do at the centre."""

    LENDER = "lender"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    CASHIER = "cashier"
    SUPPLIER = "supplier"  # one supplier's orders, no more
    BUYER = "buyer"  # one buyer's sales, no more
    INTEGRATOR = "integrator"  # reads the book for the lender's own programs


BOUND_ROLES = (Role.SUPPLIER, Role.BUYER)  # whose tokens speak for one partner


@dataclass(frozen=True, slots=True)
class User:
    """Someone who may log in; ``password_hash`` is Argon2id."""

    username: str
    password_hash: str
    role: Role
    disabled: bool


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a user, a token's label, a station, or the centre itself."""

    name: str
    role: str


def is_one_of(name: str, others: Iterable[str]) -> bool:
    """Whether a name stands for somebody among others, however it is written.

    Names that differ by case, blanks or the form of a letter (NFKC) are one person's: nobody
    is a second person to themselves.
    """
    return person_key(name) in {person_key(each) for each in others}


def person_key(name: str) -> str:
    """What stands for the person whom a name stands for, however it is written."""
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the trail."""

    seq: int
    at_ms: int
    actor: str
    role: str
    action: str
    object_kind: str
    object_id: str
    detail: Mapping[str, Any]
    previous: str
    hash: str


def user(tx: Tx, username: str) -> User | None:
    """The user of that name, if there is one."""
    where = (users.c.tenant_id == tx.tenant_id, users.c.username == username)
    row = tx.row(select(users).where(*where))
    return _user(row) if row else None


def all_users(tx: Tx) -> tuple[User, ...]:
    """Every user, by name."""
    question = select(users).where(users.c.tenant_id == tx.tenant_id).order_by(users.c.username)
    return tuple(_user(row) for row in tx.rows(question))


def _user(row: Mapping[str, Any]) -> User:
    return User(row["username"], row["password_hash"], Role(row["role"]), bool(row["disabled"]))


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, of which only the hash is kept; ``bound_to`` is a partner, or empty."""

    token_sha256: str
    label: str
    role: Role
    created_at_ms: int
    bound_to: str = ""
    revoked_at_ms: int | None = None

    @property
    def actor(self) -> Actor:
        """Who acts by it."""
        return Actor(self.label, self.role.value)


def put_token(tx: Tx, token: Token) -> None:
    """Register a bearer token by its hash."""
    values = {name: getattr(token, name) for name in Token.__slots__}
    tx.insert(api_tokens, **{**values, "role": token.role.value})


def find_token(tx: Tx, token_sha256: str) -> Token | None:
    """The token with that hash; None if it is not known or was revoked."""
    row = tx.find_row(api_tokens, token_sha256=token_sha256)
    return _token(row) if row and row["revoked_at_ms"] is None else None


def all_tokens(tx: Tx) -> tuple[Token, ...]:
    """Every token, by label, revoked ones too."""
    return tuple(_token(row) for row in tx.find_rows(api_tokens, "label", "created_at_ms"))


def _token(row: Mapping[str, Any]) -> Token:
    return read_as(Token, {**row, "role": Role(row["role"])})


def revoke_token(tx: Tx, label: str, at_ms: int) -> None:
    """Take back every token with that label that is good.

    Raises
    ------
    NotKnownError
        If there is none.
    """
    good = api_tokens.c.revoked_at_ms.is_(None)
    where = (api_tokens.c.tenant_id == tx.tenant_id, api_tokens.c.label == label, good)
    if not tx.run(api_tokens.update().where(*where).values(revoked_at_ms=at_ms)):
        raise NotKnownError(f"expected a token labelled {label!r} that is good, got none")


def record(
    tx: Tx,
    at_ms: int,
    actor: Actor,
    action: str,
    subject: tuple[str, str],
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add a line to the audit trail.

    Parameters
    ----------
    action
        What was done, as a snake_case verb phrase, e.g. ``line_viewed``.
    subject
        Kind and id of what it was done to.
    detail
        Facts that may be kept; never personal data.
    """
    end = hold_trail(tx)
    seq, previous = end[0] + 1, end[1]
    facts = {
        "at_ms": at_ms,
        "actor": actor.name,
        "role": actor.role,
        "action": action,
        "object_kind": subject[0],
        "object_id": subject[1],
        "detail": json_text(detail or {}),
    }
    digest = audit_hash(seq, previous, facts)
    tx.append(audit, seq=seq, previous=previous, hash=digest, **facts)
    tx.learn(audit, "end", (seq, digest))
    known = tx.known(audit, ("acts", *subject))
    if known is not None:
        tx.learn(audit, ("acts", *subject), (*known, action))


def hold_trail(tx: Tx) -> tuple[int, str]:
    """The trail's end, to which nobody else may add until this transaction ends.

    Who tells a station something and then adds to the trail holds the trail first, as everybody
    does: lines, then the trail, then stations' logs.
    """
    return tx.recall(audit, "end", lambda: _end(tx))


def _end(tx: Tx) -> tuple[int, str]:
    """The number and hash of the trail's last line, which nobody else may follow now."""
    lock_trail(tx)
    last = tx.find_row(audit, "-seq")
    return (last["seq"], last["hash"]) if last else (0, GENESIS)


def audit_hash(seq: int, previous: str, facts: Mapping[str, Any]) -> str:
    """The link of a line in the trail."""
    return canonical_hash({"facts": dict(facts), "previous": previous, "seq": seq})


def lock_trail(tx: Tx) -> None:
    """Let one transaction at a time add to the trail; SQLite does so by itself."""
    if tx.connection.dialect.name == "postgresql":
        tx.connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (tx.tenant_id,)
        )


def trail(tx: Tx, after: int = 0, rows_max: int = 200) -> tuple[AuditRow, ...]:
    """Lines of the trail after a number, oldest first."""
    question = (
        select(audit)
        .where(audit.c.tenant_id == tx.tenant_id, audit.c.seq > after)
        .order_by(audit.c.seq)
    )
    found = tx.rows(question, rows_max)
    return tuple(read_as(AuditRow, {**row, "detail": from_json(row["detail"])}) for row in found)


def stream_trail(tx: Tx, action: str) -> Iterator[AuditRow]:
    """What was done of one kind, oldest first, one by one."""
    where = (audit.c.tenant_id == tx.tenant_id, audit.c.action == action)
    question = select(audit).where(*where).order_by(audit.c.seq)
    return (
        read_as(AuditRow, {**row, "detail": from_json(row["detail"])})
        for row in tx.stream(question)
    )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines of the trail: empty texts want any, ``subject`` is an id or its beginning."""

    actor: str = ""
    action: str = ""
    kind: str = ""
    subject: str = ""
    from_ms: int = 0
    until_ms: int | None = None
    before: int = 0


def find_in_trail(tx: Tx, wanted: Wanted, rows_max: int) -> tuple[AuditRow, ...]:
    """What is wanted of the trail, the newest first."""
    return tuple(_line(row) for row in tx.rows(_found(tx, wanted), rows_max))


def stream_found(tx: Tx, wanted: Wanted) -> Iterator[AuditRow]:
    """The same, all of it, one by one."""
    return (_line(row) for row in tx.stream(_found(tx, wanted)))


def stream_links(tx: Tx, after: int, rows_max: int) -> Iterator[dict[str, Any]]:
    """Lines of the trail as they are kept, after a number, oldest first."""
    where = (audit.c.tenant_id == tx.tenant_id, audit.c.seq > after)
    return tx.stream(select(audit).where(*where).order_by(audit.c.seq).limit(rows_max))


def actions(tx: Tx) -> tuple[str, ...]:
    """Every kind of act that the trail knows."""
    question = select(audit.c.action).where(audit.c.tenant_id == tx.tenant_id).distinct()
    return tuple(str(row["action"]) for row in tx.rows(question.order_by(audit.c.action)))


def trail_length(tx: Tx) -> int:
    """The number of the trail's last line."""
    last = tx.find_row(audit, "-seq")
    return int(last["seq"]) if last else 0


def _found(tx: Tx, wanted: Wanted) -> Select[Any]:
    c = audit.c
    where = [c.tenant_id == tx.tenant_id, c.at_ms >= wanted.from_ms]
    equal = ((c.actor, wanted.actor), (c.action, wanted.action), (c.object_kind, wanted.kind))
    where += [column == value for column, value in equal if value]
    if wanted.subject:
        where.append(c.object_id.startswith(wanted.subject, autoescape=True))
    if wanted.until_ms is not None:
        where.append(c.at_ms < wanted.until_ms)
    if wanted.before:
        where.append(c.seq < wanted.before)
    return select(audit).where(*where).order_by(c.seq.desc())


def _line(row: Mapping[str, Any]) -> AuditRow:
    return read_as(AuditRow, {**row, "detail": from_json(row["detail"])})


def acts_on(tx: Tx, object_kind: str, object_id: str) -> tuple[str, ...]:
    """What was done to one thing by its names, oldest first."""
    return tx.recall(
        audit,
        ("acts", object_kind, object_id),
        lambda: tuple(row.action for row in trail_of(tx, object_kind, object_id)),
    )


def learn_acts(tx: Tx, object_kind: str, object_ids: Sequence[str]) -> None:
    """Remember what was done to each of many things."""
    found: dict[tuple[str, str, str], tuple[str, ...]] = {
        ("acts", object_kind, each): () for each in object_ids
    }
    c = audit.c
    where = (c.tenant_id == tx.tenant_id, c.object_kind == object_kind)
    question = select(c.object_id, c.action).where(*where, among(tx, c.object_id, object_ids))
    for row in tx.rows(question.order_by(c.seq)) if object_ids else ():
        found["acts", object_kind, row["object_id"]] += (row["action"],)
    tx.learn_all(audit, found)


def trail_of(tx: Tx, object_kind: str, object_id: str) -> tuple[AuditRow, ...]:
    """What was done to one thing, oldest first."""
    where = (
        audit.c.tenant_id == tx.tenant_id,
        audit.c.object_kind == object_kind,
        audit.c.object_id == object_id,
    )
    found = tx.rows(select(audit).where(*where).order_by(audit.c.seq))
    return tuple(read_as(AuditRow, {**row, "detail": from_json(row["detail"])}) for row in found)
