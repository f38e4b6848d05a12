"""Cooperatives with loans of their own, drawn by seed, and a coordinator between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.wire.registry import Identity
from server.keys import KeyPair, key_pair
from server.training.catalogue import Catalogue, read_catalogue
from server.training.federated.coordinator import Run, advance, begin, question_hash, take, void
from server.training.federated.site import Site, answer
from server.training.federated.words import Answer, Question
from server.training.table import Loan

CATALOGUE_SHA256 = "c" * 64
CATALOGUE_TOML = """
[table]
outcome = "defaulted"
season = "season"

[training]
name = "pooled"
bins_max = 16
pairs_max = 0
outer_bags = 2
approve_pd_ppm_max = 120_000
conformal_alpha_ppm = 100_000
test_share_ppm = 250_000
leak_auc_ppm_max = 950_000

[leaks]
"""
FEATURES = (
    ("past_late_days", "days", 0, 400, "riskier"),
    ("past_seasons_repaid_count", "seasons", 0, 12, "safer"),
    ("area_m2", "m2", 100, 200_000, "safer"),
    ("household_size_count", "people", 1, 20, "free"),
)


def catalogue(folder: Path) -> Catalogue:
    """A small catalogue of four features."""
    parts = [CATALOGUE_TOML]
    for name, unit, low, high, direction in FEATURES:
        parts.append(
            f'[[feature]]\nname = "{name}"\nunit = "{unit}"\nlow = {low}\nhigh = {high}\n'
            f'direction = "{direction}"\nsource = "history"\npurpose = ""\ngrade = 3\n'
            f'words = "{name}"\n'
        )
    path = folder / "catalogue.toml"
    path.write_text("\n".join(parts), encoding="utf-8")
    return read_catalogue(path)


def loans(seed: int, count: int, level: float = -2.2) -> tuple[Loan, ...]:
    """Loans whose default follows one law, at a cooperative's own level."""
    chance = np.random.default_rng(seed)
    found = []
    for number in range(count):
        late = int(chance.gamma(1.0, 18.0))
        repaid = int(chance.integers(0, 9))
        area = int(chance.lognormal(9.2, 0.7))
        people = int(chance.integers(1, 12))
        odds = level + 0.03 * late - 0.25 * repaid - 0.25 * np.log(area / 10_000)
        values = {
            "past_late_days": min(late, 400),
            "past_seasons_repaid_count": repaid,
            "area_m2": min(max(area, 100), 200_000),
            "household_size_count": people,
        }
        if chance.random() < 0.1:
            del values["past_late_days"]
        defaulted = bool(chance.random() < 1 / (1 + np.exp(-odds)))
        found.append(Loan(f"20{number % 4 + 20}", defaulted, values))
    return tuple(found)


def flipped(these: Sequence[Loan]) -> tuple[Loan, ...]:
    """The same loans with every outcome turned round, as somebody poisons a model."""
    return tuple(replace(loan, defaulted=not loan.defaulted) for loan in these)


@dataclass
class Cooperatives:
    """Sites with keys of their own, and what passes between them and the coordinator."""

    catalogue: Catalogue
    sites: dict[str, Site]
    keys: dict[str, KeyPair]

    @classmethod
    def of(cls, found: Catalogue, tables: dict[str, tuple[Loan, ...]], rows_min: int = 50):
        keys = {
            name: key_pair(name, bytes([n]) * 32, bytes([n + 100]) * 32)
            for n, name in enumerate(tables, 1)
        }
        partners = {name: pair.identity().seal_key for name, pair in keys.items()}
        sites = {
            name: Site(
                name, table, found, CATALOGUE_SHA256, partners, keys[name].pair_secret, rows_min
            )
            for name, table in tables.items()
        }
        return cls(found, sites, keys)

    @property
    def identities(self) -> tuple[Identity, ...]:
        return tuple(pair.identity() for pair in self.keys.values())

    def begin(self, run_id: str = "run-1", order: Sequence[int] = ()) -> Run:
        order = order or list(range(len(self.sites)))
        return begin(run_id, self.catalogue, CATALOGUE_SHA256, self.identities, order, 50)

    def answer(self, name: str, question: Question, asked: Sequence[Question] = ()) -> Answer:
        return answer(self.sites[name], question, question_hash(question), asked)

    def play(
        self,
        run: Run,
        silent: Callable[[Question, str], bool] = lambda _question, _name: False,
        asked: list[Question] | None = None,
    ) -> Run:
        """Rounds until the run is done; a site that is silent makes its round void."""
        asked = asked if asked is not None else []
        while not run.done:
            question = run.question
            for name in run.waits_for:
                if not silent(question, name):
                    run = take(run, self.answer(name, question, asked))
            asked.append(question)
            run = void(run) if run.waits_for else advance(run, self.catalogue)
        return run
