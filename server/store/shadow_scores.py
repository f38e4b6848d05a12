"""What challengers would have said of decision cards; apart from the decisions themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, select

from server.store.engine import Tx
from server.store.model_tables import shadow_scores
from server.store.reports import KeptDecision, Replay
from server.store.rows import read_as
from server.store.tables import decisions


@dataclass(frozen=True, slots=True)
class ShadowScore:
    """One model's word on one card: its risk (higher is riskier), promise [ppm], verdict by them.

    ``risk`` is minus the points of a table, or the log-odds of trees [millionths]; ``would`` the
    verdict that the product's bounds give to it, without anything else that a decision asks.
    """

    sha256: str
    card_id: str
    risk: int
    pd_ppm: int
    would: str
    at_ms: int


def add(tx: Tx, found: Sequence[ShadowScore]) -> None:
    """Keep words on cards; one that is there stays as it is."""
    names = ShadowScore.__slots__
    tx.insert_many_new(shadow_scores, [{n: getattr(each, n) for n in names} for each in found])


def unscored(tx: Tx, sha256: str, cards_max: int) -> tuple[KeptDecision, ...]:
    """Cards that replayed and that a model has not scored yet, by id."""
    of_model = and_(
        shadow_scores.c.tenant_id == decisions.c.tenant_id,
        shadow_scores.c.card_id == decisions.c.card_id,
        shadow_scores.c.sha256 == sha256,
    )
    question = (
        select(decisions)
        .select_from(decisions.outerjoin(shadow_scores, of_model))
        .where(
            decisions.c.tenant_id == tx.tenant_id,
            decisions.c.replay == Replay.SAME.value,
            shadow_scores.c.card_id.is_(None),
        )
        .order_by(decisions.c.card_id)
    )
    found = tx.rows(question, cards_max)
    return tuple(read_as(KeptDecision, {**row, "replay": Replay(row["replay"])}) for row in found)


def stream(tx: Tx, sha256: str) -> Iterator[ShadowScore]:
    """A model's words, by card."""
    where = (shadow_scores.c.tenant_id == tx.tenant_id, shadow_scores.c.sha256 == sha256)
    question = select(shadow_scores).where(*where).order_by(shadow_scores.c.card_id)
    return (read_as(ShadowScore, row) for row in tx.stream(question))


def verdicts_beside(
    tx: Tx, champion: str, challenger: str, newest_max: int
) -> dict[tuple[str, str], int]:
    """How often which verdicts of two models came together, champion's first.

    Of the newest cards that the challenger scored, so many at most: it costs the same however
    long the two have stood beside each other.
    """
    own, theirs = shadow_scores, shadow_scores.alias()
    newest = (
        select(own.c.tenant_id, own.c.card_id, own.c.would)
        .where(own.c.tenant_id == tx.tenant_id, own.c.sha256 == challenger)
        .order_by(own.c.at_ms.desc(), own.c.card_id)
        .limit(newest_max)
        .subquery()
    )
    same = and_(
        theirs.c.tenant_id == newest.c.tenant_id,
        theirs.c.sha256 == champion,
        theirs.c.card_id == newest.c.card_id,
    )
    both = (theirs.c.would.label("champion"), newest.c.would.label("challenger"))
    question = select(*both, func.count().label("cards")).select_from(newest.join(theirs, same))
    rows = tx.rows(question.group_by(*both))
    return {(row["champion"], row["challenger"]): int(row["cards"]) for row in rows}


def counts(tx: Tx) -> dict[str, int]:
    """How many cards each model scored."""
    question = (
        select(shadow_scores.c.sha256, func.count().label("cards"))
        .where(shadow_scores.c.tenant_id == tx.tenant_id)
        .group_by(shadow_scores.c.sha256)
    )
    return {row["sha256"]: int(row["cards"]) for row in tx.rows(question)}
