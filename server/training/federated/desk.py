"""Both sides of a run as they are worked from a folder: what came in, what goes out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.canonical import canonical_bytes
from core.shape import decode, encode
from core.units import MS_PER_DAY
from core.wire.modelfile import Model, TrainingSummary
from core.wire.registry import Identity, read_identity
from server.keys import KeyPair
from server.training.catalogue import Catalogue, TrainingTableError, read_catalogue
from server.training.federated import site as sites
from server.training.federated.coordinator import (
    Run,
    advance,
    begin,
    question_hash,
    take,
    void,
)
from server.training.federated.post import Post, read_state, write_whole
from server.training.federated.reference import of_model
from server.training.federated.words import Answer, Question
from server.training.release import Release
from server.training.table import read_table

ASK, TELL = "federated_question", "federated_answer"


@dataclass(frozen=True, slots=True)
class Agreement:
    """What all partners agreed on beforehand: the catalogue, who takes part, how few loans."""

    catalogue: Catalogue
    catalogue_sha256: str
    coordinator: Identity
    sites: tuple[Identity, ...]

    @property
    def seal_keys(self) -> dict[str, str]:
        """The sites' sealing keys, by name."""
        return {each.name: each.seal_key for each in self.sites}


def read_agreement(catalogue: Path, coordinator: Path, partners: Sequence[Path]) -> Agreement:
    """The agreement in its files: the catalogue and the identity files of all who take part.

    Raises
    ------
    TrainingTableError
        If a file cannot be read, or a name stands twice.
    """
    try:
        found = [read_identity(path.read_bytes()) for path in partners]
        head = read_identity(coordinator.read_bytes())
        sha256 = hashlib.sha256(catalogue.read_bytes()).hexdigest()
    except OSError as error:
        raise TrainingTableError(f"expected the partners' identity files: {error}") from error
    names = [each.name for each in (*found, head)]
    if len(set(names)) != len(names):
        raise TrainingTableError("expected each partner once, got one twice")
    return Agreement(read_catalogue(catalogue), sha256, head, tuple(found))


def order_of(run_id: str, names: Sequence[str]) -> list[int]:
    """The order in which sites come into groups: by a hash of the run and their names."""
    keys = [hashlib.sha256(f"{run_id}/{name}".encode()).hexdigest() for name in names]
    return sorted(range(len(names)), key=lambda at: keys[at])


@dataclass(frozen=True, slots=True)
class Coordinator:
    """A run that is kept in a folder between the answers."""

    folder: Path
    agreement: Agreement
    keys: KeyPair

    @property
    def _post(self) -> Post:
        return Post(self.folder, self.keys, {each.name: each for each in self.agreement.sites})

    def begin(self, run_id: str, rows_min: int, at_ms: int) -> Run:
        """Ask the first question of everybody.

        Raises
        ------
        TrainingTableError
            If the folder holds a run already.
        """
        if read_state(self.folder / "run.json"):
            raise TrainingTableError(f"expected an empty folder, got a run in {self.folder}")
        agreed = self.agreement
        order = order_of(run_id, [each.name for each in agreed.sites])
        run = begin(
            run_id, agreed.catalogue, agreed.catalogue_sha256, agreed.sites, order, rows_min
        )
        return self._asked(run, at_ms)

    def run(self) -> Run:
        """The run as it stands.

        Raises
        ------
        TrainingTableError
            If the folder holds none.
        """
        kept = read_state(self.folder / "run.json")
        if not kept:
            raise TrainingTableError(f"expected a run in {self.folder}: begin one first")
        return decode(Run, kept)

    def work(self, at_ms: int, *, give_up: bool = False) -> Run:
        """Take what came in, and go on as far as that leads; the run as it then stands.

        ``give_up`` voids the round that waits, and asks again those who answered.
        """
        run = self.run()
        for peer, record in self._post.receive():
            run = self._taken(run, peer, record.body)
            self._keep(run)
        if give_up and run.waits_for:
            run = self._asked(void(run), at_ms)
        while not run.done and not run.waits_for:
            run = self._asked(advance(run, self.agreement.catalogue), at_ms)
        return run

    def _taken(self, run: Run, peer: str, body: object) -> Run:
        answer = decode(Answer, body)
        if answer.site != peer:
            raise TrainingTableError(f"expected an answer of {peer}, got one of {answer.site}")
        if run.done or answer.round_no < run.question.round_no:
            return run  # to a round that was voided meanwhile, or said twice
        return take(run, answer)

    def _asked(self, run: Run, at_ms: int) -> Run:
        if not run.done:
            for name in run.waits_for:
                self._post.send(name, ASK, encode(run.question), at_ms)
        self._keep(run)
        return run

    def _keep(self, run: Run) -> None:
        write_whole(self.folder / "run.json", canonical_bytes(encode(run)))


@dataclass(frozen=True, slots=True)
class Desk:
    """A site's folder: it answers what came in."""

    folder: Path
    agreement: Agreement
    keys: KeyPair

    def work(self, loans: Path, rows_min: int, at_ms: int) -> list[Answer]:
        """Answer every question that was brought; the answers lie in ``out``."""
        agreed, coordinator = self.agreement, self.agreement.coordinator
        post = Post(self.folder, self.keys, {coordinator.name: coordinator})
        site = sites.Site(
            self.keys.name,
            read_table(loans, agreed.catalogue).loans,
            agreed.catalogue,
            agreed.catalogue_sha256,
            agreed.seal_keys,
            self.keys.pair_secret,
            rows_min,
        )
        told = []
        for _, record in post.receive():
            question = decode(Question, record.body)
            answer = sites.answer(site, question, question_hash(question), self._asked(question))
            self._remember(question)
            post.send(coordinator.name, TELL, encode(answer), at_ms)
            told.append(answer)
        return told

    def _asked(self, question: Question) -> list[Question]:
        kept = read_state(self.folder / "asked.json").get(question.run_id, [])
        return [decode(Question, each) for each in kept]

    def _remember(self, question: Question) -> None:
        path = self.folder / "asked.json"
        known = read_state(path)
        before = [each for each in known.get(question.run_id, []) if each != encode(question)]
        known[question.run_id] = [*before, encode(question)]
        write_whole(path, canonical_bytes(known))


def model_of(run: Run, agreement: Agreement, release: Release, *, simulated: bool) -> Model:
    """The pooled model, to be registered and approved like any other.

    Its summary's hash is that of the run's last question: no site's table leaves the site.

    Raises
    ------
    FederationError
        If the run has not come to a table.
    """
    table, used = run.points, {one.feature for one in run.points.features}
    names = sorted({name for group in run.question.groups for name in group})
    terms = agreement.catalogue.training
    return Model(
        name=terms.name,
        version=release.version,
        table=table,
        features=tuple(one for one in agreement.catalogue.feature if one.name in used),
        training=TrainingSummary(
            data_sha256=question_hash(run.question),
            rows_count=run.rows_count,
            defaults_count=run.defaults_count,
            auc_ppm=run.auc_ppm,
            ks_ppm=run.ks_ppm,
            simulated=simulated,
            described=f"pooled by masked sums over {len(names)} sites: {', '.join(names)}",
        ),
        valid_from_ms=release.valid_from_ms,
        valid_to_ms=release.valid_from_ms + release.valid_days * MS_PER_DAY,
        reference=of_model(table, run.reference) or None,
    )
