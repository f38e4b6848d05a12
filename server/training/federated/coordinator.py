"""The coordinator: it asks round after round, and sees sums of groups and nothing smaller.

Its state is one value; every step gives the next, so that it can be kept in a file between
answers that come over days. A site whose loans tell another story shows as its group: the
group is set aside with the features and the numbers that set it apart, and people look.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean

from core.canonical import canonical_hash
from core.scoring.drift import SCORES
from core.scoring.points import PointsTable
from core.shape import encode
from core.wire.registry import Identity
from server.training.catalogue import Catalogue
from server.training.federated import sums
from server.training.federated.bins import apart, coarse_all, fine
from server.training.federated.fixed import added, from_hex, from_words
from server.training.federated.folding import (
    calibrated,
    near_of,
    points_table,
    span_of,
    with_pooled_references,
)
from server.training.federated.reference import Reference, of_features, of_scores
from server.training.federated.site import table_of, table_text
from server.training.federated.solving import ROUNDS_MAX, SETTLED, step
from server.training.federated.words import (
    GROUPS_MAX,
    SITES_MAX,
    SITES_MIN,
    Answer,
    Coding,
    FederationError,
    Question,
    Stage,
)

SUSPECT = 3.0  # mean square of a group's differences in standard errors; by chance about 1
BINS = 8  # of a feature, in the model


@dataclass(frozen=True, slots=True)
class SetAside:
    """A group that takes no further part, and why."""

    sites: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Run:
    """A training run between two answers.

    ``rounds`` are the steps of Newton's method so far; the counts, ``auc_ppm``, ``ks_ppm`` and
    ``table`` are of the pooled loans, empty until known; ``reference`` is how these fell into
    the model's bins. ``done`` says that nothing is asked.
    """

    question: Question
    answers: Mapping[str, Answer]
    refusals: Mapping[str, str]
    set_aside: tuple[SetAside, ...] = ()
    rounds: int = 0
    rows_count: int = 0
    defaults_count: int = 0
    auc_ppm: int = 0
    ks_ppm: int = 0
    table: str = ""
    reference: Reference = field(default_factory=dict)
    done: bool = False

    @property
    def waits_for(self) -> tuple[str, ...]:
        """The sites that have not answered yet."""
        asked = [name for group in self.question.groups for name in group]
        return tuple(name for name in asked if name not in self.answers) if not self.done else ()

    @property
    def points(self) -> PointsTable:
        """The pooled points table.

        Raises
        ------
        FederationError
            If the run has not come to one.
        """
        if not self.table:
            raise FederationError("expected a run with a table, got one that is still counting")
        return table_of(replace(self.question, table=self.table))


def begin(
    run_id: str,
    catalogue: Catalogue,
    catalogue_sha256: str,
    sites: Sequence[Identity],
    order: Sequence[int],
    rows_min: int,
) -> Run:
    """Ask for the counts.

    Parameters
    ----------
    order
        A permutation of the sites by chance: neighbours in it come into one group, so that
        nobody chooses with whom a site is summed.

    Raises
    ------
    FederationError
        If the sites are too few, too many, or named twice.
    """
    names = [site.name for site in sites]
    if len(set(names)) != len(names) or not SITES_MIN <= len(names) <= SITES_MAX:
        raise FederationError(
            f"expected {SITES_MIN} to {SITES_MAX} sites, each once, got {len(names)}"
        )
    if sorted(order) != list(range(len(sites))):
        raise FederationError(f"expected an order of {len(sites)} sites, got {list(order)}")
    groups_count = min(len(sites) // SITES_MIN, GROUPS_MAX)
    shuffled = [names[at] for at in order]
    groups = tuple(tuple(sorted(shuffled[at::groups_count])) for at in range(groups_count))
    codings = tuple(fine(one) for one in catalogue.feature)
    question = Question(
        run_id, 1, Stage.COUNTS, catalogue_sha256, codings, (), tuple(sites), groups, rows_min
    )
    return Run(question, {}, {})


def question_hash(question: Question) -> str:
    """What an answer names as its question."""
    return canonical_hash(encode(question))


def take(run: Run, answer: Answer) -> Run:
    """Keep an answer; the same again changes nothing.

    Raises
    ------
    FederationError
        If it is to another round, of a site that was not asked, of another length, or not
        what the site answered before.
    """
    question = run.question
    asked = {name for group in question.groups for name in group}
    if run.done or (answer.run_id, answer.round_no) != (question.run_id, question.round_no):
        raise FederationError(
            f"expected answers to round {question.round_no} of {question.run_id}, got one of "
            f"{answer.site} to round {answer.round_no} of {answer.run_id}: it was voided or is over"
        )
    if answer.site not in asked or answer.question_sha256 != question_hash(question):
        raise FederationError(f"expected an answer to what was asked, got another of {answer.site}")
    if not answer.refused and len(answer.words) != _length(question):
        raise FederationError(
            f"expected {_length(question)} sums of {answer.site}, got {len(answer.words)}"
        )
    known = run.answers.get(answer.site)
    if known is not None and known != answer:
        raise FederationError(
            f"{answer.site} answered round {question.round_no} differently before"
        )
    return replace(run, answers={**run.answers, answer.site: answer})


def _length(question: Question) -> int:
    if question.stage is Stage.COUNTS:
        return sums.counts_length(question.codings)
    if question.stage is Stage.NEWTON:
        return sums.newton_length(question.codings)
    if question.stage is Stage.SCORES:
        return sums.HEAD + 2 * (question.span[1] - question.span[0] + 1)
    return sums.HEAD + 1 + len(table_of(question).features)


def void(run: Run, why: str = "did not answer in time") -> Run:
    """Give a round up, and ask it again without those who did not answer or refused.

    What the others sent stays masked by those who are gone, and is thrown away. A group of
    which too few are left goes with them: added to another, its sum could be told apart.

    Raises
    ------
    FederationError
        If nobody is missing, or too few sites are left.
    """
    question = run.question
    gone = dict.fromkeys(run.waits_for, why)
    gone |= {each.site: each.refused for each in run.answers.values() if each.refused}
    if not gone:
        raise FederationError(f"round {question.round_no}: everybody answered; go on with it")
    left = [tuple(n for n in group if n not in gone) for group in question.groups]
    aside = tuple(
        SetAside(group, f"fewer than {SITES_MIN} of its group were left")
        for group in left
        if 0 < len(group) < SITES_MIN
    )
    groups = tuple(group for group in left if len(group) >= SITES_MIN)
    if not groups:
        raise FederationError(
            f"round {question.round_no}: expected a group of {SITES_MIN} sites or more to be "
            f"left, got none: {_told(gone)}"
        )
    again = replace(
        question,
        round_no=question.round_no + 1,
        groups=groups,
        sites=_among(question.sites, groups),
        voids=question.round_no,
    )
    refusals = {**run.refusals, **gone}
    return replace(
        run, question=again, answers={}, refusals=refusals, set_aside=(*run.set_aside, *aside)
    )


def _told(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {why}" for name, why in sorted(reasons.items()))


def _among(sites: Sequence[Identity], groups: Sequence[Sequence[str]]) -> tuple[Identity, ...]:
    kept = {name for group in groups for name in group}
    return tuple(site for site in sites if site.name in kept)


def advance(run: Run, catalogue: Catalogue) -> Run:
    """What follows once every site has answered; voided where one refused.

    Raises
    ------
    FederationError
        If somebody has not answered, sums cannot be, or most sites object to the table.
    """
    if run.done or run.waits_for:
        raise FederationError(
            f"round {run.question.round_no}: expected every answer, waits for "
            f"{', '.join(run.waits_for) or 'nothing, for it is done'}"
        )
    refused = [each for each in run.answers.values() if each.refused]
    if refused:
        objecting = run.question.stage is Stage.SCORES
        if objecting and 2 * len(refused) > len(run.answers):
            told = _told({each.site: each.refused for each in refused})
            raise FederationError(f"expected a table that most sites can use: {told}")
        return void(run)
    return _NEXT[run.question.stage](run, catalogue)


def _group_sums(run: Run) -> list[list[float]]:
    found = []
    for group in run.question.groups:
        words = [from_hex(run.answers[name].words) for name in group]
        found.append(from_words(added(words)))
    return found


def _pooled(run: Run) -> list[float]:
    return sums.added_rows(_group_sums(run))


def _ask(run: Run, **changed: object) -> Run:
    question = replace(run.question, round_no=run.question.round_no + 1, voids=0, **changed)  # type: ignore[arg-type]
    return replace(run, question=question, answers={})


def _counted(run: Run, catalogue: Catalogue) -> Run:
    """From counts to few bins, once no group tells another story."""
    question, told = run.question, _group_sums(run)
    groups, aside = list(question.groups), list(run.set_aside)
    for group, numbers in zip(groups, told, strict=True):
        _require_counts(question, group, numbers)
    while len(groups) > 1:
        odd, features = _oddest(told, question.codings)
        if odd is None:
            break
        if len(groups) == 2:
            raise FederationError(
                f"{', '.join(groups[0])} and {', '.join(groups[1])} tell different stories, and "
                f"two groups do not show which is wrong: {features}: let each site look at its own"
            )
        aside.append(SetAside(groups[odd], features))
        del groups[odd], told[odd]
    pooled = sums.added_rows(told)
    few = min(BINS, catalogue.training.bins_max)
    codings = coarse_all(catalogue.feature, question.codings, pooled, few)
    used = tuple(coding for coding in codings if len(coding.values) > 1)
    binned = of_features(question.codings, used, pooled)
    kept = replace(run, rows_count=round(pooled[0]), set_aside=tuple(aside), reference=binned)
    return _ask(
        kept,
        stage=Stage.NEWTON,
        codings=used,
        weights=_from_zero(used),
        groups=tuple(groups),
        sites=_among(question.sites, groups),
    )


def _require_counts(question: Question, group: Sequence[str], numbers: Sequence[float]) -> None:
    """Refuse sums that no loans can have: each feature counts every loan once."""
    totals, at = [], sums.HEAD
    for coding in question.codings:
        size = 2 * (len(coding.edges) + 2)
        part = numbers[at : at + size]
        totals.append(sum(part))
        at += size
        if min(part) < -1e-6:
            raise FederationError(f"the counts of {', '.join(group)} cannot be: some are negative")
    least = question.rows_min * len(group)
    if numbers[0] < least or max(totals) - min(totals) > 1e-6 * max(totals):
        raise FederationError(
            f"the counts of {', '.join(group)} cannot be: features count {min(totals):g} to "
            f"{max(totals):g} loans"
        )


def _oddest(told: Sequence[Sequence[float]], codings: Sequence[Coding]) -> tuple[int | None, str]:
    """The group whose features tell another story than all others', and what they tell."""
    found = []
    for at, ours in enumerate(told):
        others = sums.added_rows([each for i, each in enumerate(told) if i != at])
        gaps = apart(ours, others, codings, BINS)
        found.append((fmean(gaps.values()) if gaps else 0.0, at, gaps))
    worst, at, gaps = max(found)[0], max(found)[1], max(found)[2]
    if worst < SUSPECT:
        return None, ""
    most = sorted(gaps.items(), key=lambda item: -item[1])[:3]
    told_gaps = ", ".join(f"{name} {gap:.1f}" for name, gap in most)
    return at, f"its log-odds lie {worst:.1f} from the others' (by chance 1): {told_gaps}"


def _from_zero(codings: Sequence[Coding]) -> tuple[str, ...]:
    return ((0.0).hex(),) * (1 + len(codings))


def _stepped(run: Run, _: Catalogue) -> Run:
    question = run.question
    weights, change = step(_pooled(run), [float.fromhex(each) for each in question.weights])
    kept = replace(run, rounds=run.rounds + 1)
    if change >= SETTLED and kept.rounds < ROUNDS_MAX:
        return _ask(kept, weights=tuple(float(w).hex() for w in weights))
    # A weight below nothing would turn a feature's direction: it goes, and all is fitted anew.
    turned = {
        coding.feature
        for coding, weight in zip(question.codings, weights[1:], strict=True)
        if weight < 0
    }
    if turned and len(turned) < len(question.codings):
        codings = tuple(c for c in question.codings if c.feature not in turned)
        return _ask(replace(kept, rounds=0), codings=codings, weights=_from_zero(codings))
    table = points_table(question.codings, [float(w) for w in weights])
    return _ask(
        kept,
        stage=Stage.SCORES,
        weights=tuple(float(w).hex() for w in weights),
        table=table_text(table),
        span=span_of(table),
    )


def _scored(run: Run, catalogue: Catalogue) -> Run:
    question = run.question
    counts = _pooled(run)[sums.HEAD :]
    found, ranks = calibrated(table_of(question), question.span, counts, catalogue.training)
    auc, ks = ranks
    binned = {**run.reference, SCORES: of_scores(found, question.span, counts)}
    defaults_count = round(sum(counts[1::2]))
    return _ask(
        replace(run, defaults_count=defaults_count, auc_ppm=auc, ks_ppm=ks, reference=binned),
        stage=Stage.NEAR,
        table=table_text(found),
        span=near_of(found, catalogue.training),
    )


def _neared(run: Run, _: Catalogue) -> Run:
    table = with_pooled_references(table_of(run.question), _pooled(run))
    return replace(run, table=table_text(table), done=True)


_NEXT = {
    Stage.COUNTS: _counted,
    Stage.NEWTON: _stepped,
    Stage.SCORES: _scored,
    Stage.NEAR: _neared,
}
