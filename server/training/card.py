"""The model card: one page without scripts, and the same as a PDF to print and to file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import typst
from markupsafe import Markup

from server.training.catalogue import TrainingTableError
from server.training.examine import TrainingReport
from server.training.told import Told, told

FOLDER = Path(__file__).with_name("templates")
PAGE, SHEET = "card.html", "card.typ"


def model_card(report: TrainingReport, model_sha256: str) -> str:
    """The card of a trained model as a complete HTML page.

    Parameters
    ----------
    model_sha256
        Of the model's canonical bytes.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["figure"] = Markup  # our own SVG, whose words are escaped already
    return environment.get_template(PAGE).render(told(report, model_sha256))


def model_sheet(report: TrainingReport, model_sha256: str) -> bytes:
    """The same card as a PDF; the same report gives the same bytes.

    Raises
    ------
    TrainingTableError
        If it cannot be set.
    """
    facts = told(report, model_sha256)
    with tempfile.TemporaryDirectory(prefix="harvestline-card-") as scratch:
        folder = Path(scratch)
        for place, (owner, key) in enumerate(_figures(facts)):
            name = f"figure-{place}.svg"
            (folder / name).write_text(owner[key], encoding="utf-8")
            owner[key] = name
        words = (FOLDER / SHEET).read_text(encoding="utf-8")
        (folder / SHEET).write_text(words, encoding="utf-8")
        (folder / "told.json").write_text(json.dumps(facts), encoding="utf-8")
        try:
            # Its own fonts alone: those of the machine would change the bytes.
            return bytes(typst.compile(folder / SHEET, root=folder, ignore_system_fonts=True))
        except RuntimeError as error:
            raise TrainingTableError(f"expected to set the model card: {error}") from error


def _figures(facts: Told) -> Iterator[tuple[dict[str, Any], str]]:
    """Where a figure stands in the facts, in order."""
    for key, value in facts.items():
        if isinstance(value, str) and value.startswith("<svg"):
            yield facts, key
        elif isinstance(value, list):
            yield from ((each, "svg") for each in value if isinstance(each, dict) and "svg" in each)
