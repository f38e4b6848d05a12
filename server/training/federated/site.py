"""A site: it answers questions with masked sums over its own loans, and with nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.canonical import canonical_bytes, parse_canonical
from core.scoring.points import PointsTable, score
from core.shape import decode, encode
from core.units import PPM
from server.training.catalogue import Catalogue
from server.training.federated import sums
from server.training.federated.bins import coarse_all, fine
from server.training.federated.fixed import to_hex, to_words
from server.training.federated.masks import PairSecret, masked
from server.training.federated.solving import fit
from server.training.federated.words import (
    SITES_MIN,
    Answer,
    FederationError,
    Question,
    Stage,
)
from server.training.measure import auc_ppm
from server.training.table import Loan

TABLE_BYTES_MAX = 256 * 1024
WORSE_PPM = 50_000  # of AUC below the site's own fit, from which it objects; and for chance
OWN_BINS = 5  # of a feature, in the fit to a site's loans alone
ERRORS = 2.0  # so many of the largest standard errors that an AUC of its rarer outcome can have


@dataclass(frozen=True, slots=True)
class Site:
    """A cooperative's side of federated training.

    ``partners`` are the sealing keys of the sites that it agreed to train with, by name,
    itself among them: a question that names another is refused, or a coordinator could
    surround one real site with its own. ``rows_min`` is its own bound.
    """

    name: str
    loans: tuple[Loan, ...]
    catalogue: Catalogue
    catalogue_sha256: str
    partners: Mapping[str, str]
    secret: PairSecret
    rows_min: int


def answer(
    site: Site, question: Question, question_sha256: str, asked: Sequence[Question]
) -> Answer:
    """The site's masked sums, or why it gives none.

    Parameters
    ----------
    asked
        The questions of the run that the site answered before.

    Raises
    ------
    FederationError
        If the question is not one that an honest coordinator asks.
    """
    group = _group(site, question)
    _require_fair(site, question, asked)
    _require_same_group(site, question, asked)
    told = (question.run_id, question.round_no, site.name, question_sha256)
    if len(site.loans) < max(site.rows_min, question.rows_min):
        wanted = max(site.rows_min, question.rows_min)
        return Answer(*told, (), f"too few loans: {wanted} or more are asked for")
    objection = _objection(site, question)
    if objection:
        return Answer(*told, (), objection)
    context = f"{question.run_id}/{question.round_no}".encode()
    keys = [(name, site.partners[name]) for name in group]
    words = masked(to_words(_sums(site, question)), site.name, keys, site.secret, context)
    return Answer(*told, to_hex(words))


def _group(site: Site, question: Question) -> tuple[str, ...]:
    mine = [group for group in question.groups if site.name in group]
    if len(mine) != 1:
        raise FederationError(f"expected {site.name} in one group of the round, got {len(mine)}")
    known = {each.name: each.seal_key for each in question.sites}
    strange = sorted(
        name
        for name in mine[0]
        if name not in site.partners or known.get(name) != site.partners[name]
    )
    if strange:
        raise FederationError(
            f"expected only sites that {site.name} agreed to train with, got {', '.join(strange)}"
        )
    if len(set(mine[0])) < SITES_MIN:
        raise FederationError(
            f"expected a group of at least {SITES_MIN} sites, got {len(set(mine[0]))}: fewer "
            "could read each other's sums"
        )
    return mine[0]


def _require_fair(site: Site, question: Question, asked: Sequence[Question]) -> None:
    if question.catalogue_sha256 != site.catalogue_sha256:
        raise FederationError("expected the catalogue that was agreed on, got another")
    names = [coding.feature for coding in question.codings]
    if len(set(names)) != len(names) or not set(names) <= set(site.catalogue.names):
        raise FederationError("expected features of the agreed catalogue, each once")
    if question.stage is Stage.COUNTS:
        agreed = tuple(fine(one) for one in site.catalogue.feature)
        if question.codings != agreed:
            raise FederationError("expected the bins that follow from the catalogue, got others")
    voided = {each.voids for each in (*asked, question)}
    for before in asked:
        if before.round_no == question.round_no and before != question:
            raise FederationError(f"round {question.round_no} was asked before with other content")
        same = (before.stage, before.weights, before.table) == (
            question.stage, question.weights, question.table,
        )  # fmt: skip
        if same and before.round_no < question.round_no and before.round_no not in voided:
            raise FederationError(
                f"round {question.round_no} asks again what round {before.round_no} asked, which "
                "was not voided: the difference would show a site"
            )


def _require_same_group(site: Site, question: Question, asked: Sequence[Question]) -> None:
    """Sums of one stage hardly differ from step to step: whoever is added or gone would show."""
    earlier = [each for each in asked if each.round_no < question.round_no]
    if not earlier:
        return
    before = max(earlier, key=lambda each: each.round_no)
    mine, then = (set(_group(site, each)) for each in (question, before))
    if mine == then or (mine < then and question.voids == before.round_no):
        return
    raise FederationError(
        f"expected the group of round {before.round_no} in round {question.round_no}, or what is "
        f"left of it once it was voided, got {', '.join(sorted(mine))}"
    )


def _objection(site: Site, question: Question) -> str:
    """Why the site thinks that the table does not fit its loans; empty if it does."""
    if question.stage is not Stage.SCORES:
        return ""
    table = table_of(question)
    outcomes = [loan.defaulted for loan in site.loans]
    if len(set(outcomes)) < 2:
        return ""
    masses = [loan.weight for loan in site.loans]
    theirs = auc_ppm([-score(table, loan.values) for loan in site.loans], outcomes, masses)
    mine = own_auc_ppm(site)
    rarer = min(sum(outcomes), len(outcomes) - sum(outcomes))
    chance_ppm = round(ERRORS * PPM * 0.5 / math.sqrt(rarer))
    if theirs + WORSE_PPM + chance_ppm >= mine:
        return ""
    return f"objects: ranks its loans with {theirs / PPM:.3f}, its own fit with {mine / PPM:.3f}"


def own_auc_ppm(site: Site) -> int:
    """How well the same kind of model ranks a site's loans when fitted to them alone [ppm]."""
    counted = [fine(one) for one in site.catalogue.feature]
    numbers = sums.counts(site.loans, counted)
    codings = coarse_all(site.catalogue.feature, counted, numbers, OWN_BINS)
    weights = fit(lambda beta: sums.newton(site.loans, codings, beta), 1 + len(codings))
    risks = sums.coded(site.loans, codings) @ weights
    outcomes = [loan.defaulted for loan in site.loans]
    return auc_ppm([float(r) for r in risks], outcomes, [loan.weight for loan in site.loans])


def _sums(site: Site, question: Question) -> list[float]:
    if question.stage is Stage.COUNTS:
        return sums.counts(site.loans, question.codings)
    if question.stage is Stage.NEWTON:
        weights = [float.fromhex(each) for each in question.weights]
        return sums.newton(site.loans, question.codings, weights)
    table = table_of(question)
    if question.stage is Stage.SCORES:
        return sums.scores(site.loans, table, question.span)
    return sums.near(site.loans, table, question.span)


def table_of(question: Question) -> PointsTable:
    """The points table that a question names."""
    found = parse_canonical(question.table.encode(), TABLE_BYTES_MAX)
    return decode(PointsTable, found)


def table_text(table: PointsTable) -> str:
    """A points table as it stands in a question."""
    return canonical_bytes(encode(table)).decode()
