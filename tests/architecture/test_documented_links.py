"""Every link of the documentation leads somewhere, and README leads to every page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.tree import REPOSITORY

README = REPOSITORY / "README.md"
DOCS = REPOSITORY / "docs"
PAGES = [README, REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(page: str) -> set[str]:
    """What a page's headings are called in a link, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", FENCED.sub("", page), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title) for title in titles)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain}


def links(path: Path) -> list[tuple[Path, str]]:
    """File and anchor of every link of a page that stays in the tree."""
    text = FENCED.sub("", path.read_text(encoding="utf-8"))
    inside = [link for link in LINK.findall(text) if "://" not in link]
    parts = (link.partition("#") for link in inside)
    return [((path.parent / file).resolve() if file else path, anchor) for file, _, anchor in parts]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    for target, anchor in links(path):
        assert target.exists(), f"{path.name}: {target}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target.read_text(encoding="utf-8")), (
                f"{path.name}: {target.name} has no #{anchor}"
            )


def test_readme_leads_to_every_page() -> None:
    linked = {target for target, _ in links(README)}
    missing = sorted(page.name for page in set(DOCS.glob("*.md")) - linked)
    assert not missing, "add them to README.md under Read on"


def test_anchors_are_made_from_headings_alone() -> None:
    page = "# One `two`: three\n```\n# not this\n```\n## [Four](x.md), five\n"
    assert anchors(page) == {"one-two-three", "four-five"}
