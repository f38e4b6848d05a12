"""Federated training by envelopes in folders: carried, repeated, cut off, and over days."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.canonical import sha256_hex
from core.shape import decode
from core.wire.modelfile import Model
from server.app import main
from server.keys import write_key_pair
from server.training.table import Loan
from tests.support.cooperatives import FEATURES, catalogue, loans

SITES = {"ahero": 900, "busia": 400, "chuka": 250}


def write_loans(path: Path, these: Sequence[Loan]) -> None:
    names = [name for name, *_ in FEATURES]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["season", "defaulted", *names])
        for loan in these:
            values = [loan.values.get(name, "") for name in names]
            writer.writerow([loan.season, int(loan.defaulted), *values])


@dataclass
class Partners:
    """A coordinator and three sites, each with a folder, and what carries between them."""

    root: Path

    def __post_init__(self) -> None:
        catalogue(self.root)
        for number, name in enumerate(("centre", *SITES), 1):
            write_key_pair(
                self.root / f"{name}.key",
                name,
                bytes([number]) * 32,
                bytes([9]) * 31 + bytes([number]),
            )
            for box in ("in", "out"):
                (self.root / name / box).mkdir(parents=True)
        for seed, (name, count) in enumerate(SITES.items()):
            write_loans(self.root / f"{name}.csv", loans(seed, count))

    def run(self, name: str, command: str, *more: str, code: int = 0) -> str:
        partners = [
            part for site in SITES for part in ("--partner", f"{self.root}/{site}.pub.json")
        ]
        result = CliRunner().invoke(
            main,
            [
                "federated", command, "--folder", f"{self.root}/{name}",
                "--catalogue", f"{self.root}/catalogue.toml",
                "--coordinator", f"{self.root}/centre.pub.json", *partners,
                "--key-file", f"{self.root}/{name}.key", "--name", name, *more,
            ],
        )  # fmt: skip
        assert result.exit_code == code, result.output
        return result.output

    def carry(self, *names: str) -> None:
        """Bring what lies in the coordinator's and these sites' ``out`` to where it belongs."""
        for name in ("centre", *(names or SITES)):
            for path in sorted((self.root / name / "out").iterdir()):
                peer = path.name.split("--")[1]
                shutil.copy(path, self.root / peer / "in" / path.name)

    def answer(self, *names: str) -> None:
        for name in names or SITES:
            self.run(name, "answer", "--loans", f"{self.root}/{name}.csv", "--rows-min", "50")


@pytest.fixture
def partners(tmp_path: Path) -> Partners:
    return Partners(tmp_path)


def test_a_model_comes_by_post(partners: Partners) -> None:
    told = partners.run("centre", "begin", "--run", "maize-2026", "--rows-min", "50")
    assert "Round 1 (counts) waits for ahero, busia, chuka." in told
    assert "got a run in" in partners.run("centre", "begin", "--run", "again", code=3)
    out = partners.root / "model.json"
    found: dict[str, object] = {"done": False}
    for _ in range(40):
        partners.carry()
        partners.answer()
        partners.carry()
        told = partners.run("centre", "work", "--out", str(out), "--simulated", "--json")
        found = json.loads(told)
        if found["done"]:
            break
    assert found["done"], found
    data = out.read_bytes()
    assert found["sha256"] == sha256_hex(data)
    model = decode(Model, json.loads(data))
    assert model.training.rows_count == sum(SITES.values())
    assert model.training.described == "pooled by masked sums over 3 sites: ahero, busia, chuka"
    assert model.training.simulated
    assert model.reference is not None
    assert {sum(found) for found in model.reference.values()} == {sum(SITES.values())}
    assert set(model.reference) == {"score", *(one.feature for one in model.table.features)}
    assert len(data) < 8_000
    said = partners.run("centre", "work")
    assert f"The model of {sum(SITES.values()):,} loans is done" in said
    # What is carried cannot be read by who carries it, and the same again changes nothing.
    assert not any(
        b"past_late_days" in path.read_bytes()
        for path in (partners.root / "centre" / "out").iterdir()
    )
    partners.carry()
    partners.answer()
    assert "is done" in partners.run("centre", "work")


def test_a_message_that_was_lost_altered_or_is_a_strangers_is_named(partners: Partners) -> None:
    partners.run("centre", "begin", "--run", "maize-2026", "--rows-min", "50")
    partners.carry()
    partners.answer()
    partners.carry()
    inbox = partners.root / "centre" / "in"
    first = min(inbox.iterdir())
    whole = first.read_bytes()
    first.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert first.name in partners.run("centre", "work", code=3)
    first.write_bytes(whole)
    partners.run("centre", "work")
    partners.carry()
    second = partners.root / "ahero" / "in" / "centre--ahero--000002.hle"
    shutil.move(second, partners.root / "kept.hle")
    partners.run("ahero", "answer", "--loans", f"{partners.root}/ahero.csv", "--rows-min", "50")
    shutil.copy(partners.root / "kept.hle", partners.root / "busia" / "in" / "x.hle")
    assert "x.hle" in partners.run(
        "busia", "answer", "--loans", f"{partners.root}/busia.csv", "--rows-min", "50", code=3
    )


def test_a_site_that_is_silent_makes_too_few(partners: Partners) -> None:
    partners.run("centre", "begin", "--run", "maize-2026", "--rows-min", "50")
    partners.carry()
    partners.answer("ahero", "busia")
    partners.carry("ahero", "busia")
    assert "waits for chuka" in partners.run("centre", "work")
    assert "chuka did not answer in time" in partners.run("centre", "work", "--give-up", code=4)


def test_a_message_that_was_written_when_the_power_went_stays_said(partners: Partners) -> None:
    partners.run("centre", "begin", "--run", "maize-2026", "--rows-min", "50")
    partners.carry()
    state = partners.root / "ahero" / "post.json"
    partners.answer()
    said = json.loads(state.read_bytes())
    partners.carry()
    said["centre"] |= {"sent": 0, "sent_head": "0" * 64, "got": 0, "got_head": "0" * 64}
    state.write_text(json.dumps(said), encoding="utf-8")  # as if nothing had been noted
    partners.answer("ahero")
    partners.carry()
    assert "Round 2 (newton)" in partners.run("centre", "work")
    partners.carry()
    partners.answer()
    partners.carry()
    assert "Round 3 (newton)" in partners.run("centre", "work")
