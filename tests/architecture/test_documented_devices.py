"""The mapping and the commands that docs/devices.md shows are ones that work."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from edge_node.app import main
from edge_node.intake.adapters import read_mapping
from tests.support.tree import REPOSITORY

DOCS = REPOSITORY / "docs" / "devices.md"


def test_the_mapping_that_the_docs_show_is_valid(tmp_path: Path):
    text = DOCS.read_text(encoding="utf-8")
    (shown,) = [each for each in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if "[[" in each]
    path = tmp_path / "adapters.toml"
    path.write_text(shown, encoding="utf-8")
    mapping = read_mapping(path)
    assert {kind: len(devices) for kind, devices in mapping.items()} == {
        "chirpstack-up": 2, "bthome": 1, "ear-tags": 1, "senml": 1,
    }  # fmt: skip


def test_every_command_that_the_docs_show_exists():
    text = DOCS.read_text(encoding="utf-8")
    shown = set(re.findall(r"harvestline-edge devices ([a-z]+)", text))
    found = CliRunner().invoke(main, ["devices", "--help"]).stdout
    assert shown
    assert all(re.search(rf"^  {name}\b", found, re.MULTILINE) for name in shown), found
