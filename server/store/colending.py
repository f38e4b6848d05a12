"""Agreements between lenders, and which lines they carry together. Never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from core.canonical import canonical_hash
from core.lending.colending import Arrangement, Party
from core.shape import decode, encode
from server.store.beside_tables import line_partners, partner_agreements
from server.store.bulk import among
from server.store.engine import ConflictError, Tx
from server.store.rows import from_json, json_text
from server.store.tables import ledger_lines
from server.store.tables import lines as line_rows

_PRINCIPAL = "loan/principal/"


@dataclass(frozen=True, slots=True)
class SharedLine:
    """A line that several lenders carry: under which agreement, and each party's part."""

    line_id: str
    agreement_id: str
    since_on: str
    parties: tuple[Party, ...]


def sign(tx: Tx, found: Arrangement, actor: str, at_ms: int) -> bool:
    """Keep an agreement; False if the same is there.

    Raises
    ------
    ConflictError
        If its id has other content.
    """
    content = encode(found)
    digest = canonical_hash(content)
    known = tx.find_row(partner_agreements, agreement_id=found.agreement_id)
    if known is not None:
        if known["sha256"] != digest:
            raise ConflictError(f"agreement {found.agreement_id} exists with other content")
        return False
    tx.insert(
        partner_agreements,
        agreement_id=found.agreement_id,
        product_id=found.product_id,
        from_on=found.from_on,
        until_on=found.until_on,
        content=json_text(content),
        sha256=digest,
        actor=actor,
        at_ms=at_ms,
    )
    return True


def agreements(tx: Tx, product_id: str = "") -> tuple[Arrangement, ...]:
    """The agreements of a product, or of all, the newest signature last."""
    where = {"product_id": product_id} if product_id else {}
    rows = tx.find_rows(partner_agreements, "at_ms", "agreement_id", **where)
    return tuple(decode(Arrangement, from_json(row["content"])) for row in rows)


def share(tx: Tx, line_id: str, under: Arrangement, since_on: str, at_ms: int) -> None:
    """Let the parties of an agreement carry a line."""
    for place, party in enumerate(under.parties):
        tx.insert(
            line_partners,
            line_id=line_id,
            partner_id=party.partner_id,
            agreement_id=under.agreement_id,
            place=place,
            share_ppm=party.share_ppm,
            first_loss_ppm=party.first_loss_ppm,
            since_on=since_on,
            at_ms=at_ms,
        )


def shared(tx: Tx, line_id: str) -> SharedLine | None:
    """Who carries a line together; None for one that the lender carries alone."""

    def ask() -> SharedLine | None:
        return _shared(tx.find_rows(line_partners, "place", line_id=line_id))

    return tx.recall(line_partners, line_id, ask)


def learn_shared(tx: Tx, line_ids: Sequence[str]) -> None:
    """Remember who carries many lines in one question."""
    where = (
        line_partners.c.tenant_id == tx.tenant_id,
        among(tx, line_partners.c.line_id, line_ids),
    )
    found: dict[str, list[dict[str, object]]] = {each: [] for each in line_ids}
    for row in tx.rows(select(line_partners).where(*where).order_by(line_partners.c.place)):
        found[row["line_id"]].append(row)
    for line_id, rows in found.items():
        tx.learn(line_partners, line_id, _shared(rows))


def lines_shared(tx: Tx, partner_id: str = "") -> tuple[str, ...]:
    """The lines that are carried together, with a partner or with any, by id."""
    where = {"partner_id": partner_id} if partner_id else {}
    rows = tx.find_rows(line_partners, "line_id", **where)
    return tuple(sorted({row["line_id"] for row in rows}))


def principal_minor(tx: Tx, currency: str, *, joint_only: bool = False) -> dict[str, int]:
    """What is lent out of each line in a currency, or of those carried together [minor units]."""
    c = ledger_lines.c
    question = (
        select(c.account, func.sum(c.amount_minor).label("minor"))
        .where(
            c.tenant_id == tx.tenant_id,
            c.currency == currency,
            c.account >= _PRINCIPAL,
            c.account < "loan/principal0",  # the character after the slash
        )
        .group_by(c.account)
    )
    if joint_only:
        ids = select(line_partners.c.line_id).where(line_partners.c.tenant_id == tx.tenant_id)
        named = select(func.concat(_PRINCIPAL, line_partners.c.line_id)).where(
            line_partners.c.tenant_id == tx.tenant_id, line_partners.c.line_id.in_(ids)
        )
        question = question.where(c.account.in_(named))
    rows = tx.rows(question)
    return {row["account"].removeprefix(_PRINCIPAL): int(row["minor"]) for row in rows}


def limits_minor(tx: Tx, currency: str) -> dict[str, int]:
    """What may be lent out of each open line in a currency: its limit in force [minor units]."""
    c = line_rows.c
    where = (c.tenant_id == tx.tenant_id, c.currency == currency, c.is_open)
    rows = tx.rows(select(c.line_id, c.limit_minor).where(*where))
    return {row["line_id"]: int(row["limit_minor"]) for row in rows}


def every_shared(tx: Tx) -> dict[str, SharedLine]:
    """All lines that are carried together, in one question."""
    found: dict[str, list[dict[str, object]]] = {}
    for row in tx.find_rows(line_partners, "line_id", "place"):
        found.setdefault(row["line_id"], []).append(row)
    shared = {line_id: _shared(rows) for line_id, rows in found.items()}
    return {line_id: each for line_id, each in shared.items() if each is not None}


def settlement_balances(tx: Tx, partner_id: str) -> dict[tuple[str, str], int]:
    """What a partner owes for each line, and what was paid, by account's tail and currency."""
    c, stem = ledger_lines.c, f"settlement/{partner_id}/"
    question = (
        select(c.account, c.currency, func.sum(c.amount_minor).label("minor"))
        .where(c.tenant_id == tx.tenant_id, c.account.startswith(stem, autoescape=True))
        .group_by(c.account, c.currency)
    )
    return {
        (row["account"].removeprefix(stem), row["currency"]): int(row["minor"])
        for row in tx.rows(question)
    }


def _shared(rows: Sequence[dict[str, object]]) -> SharedLine | None:
    if not rows:
        return None
    parties = tuple(
        Party(
            str(row["partner_id"]),
            "",
            int(str(row["share_ppm"])),
            int(str(row["first_loss_ppm"])),
        )
        for row in rows
    )
    first = rows[0]
    return SharedLine(
        str(first["line_id"]), str(first["agreement_id"]), str(first["since_on"]), parties
    )
