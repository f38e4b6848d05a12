"""Writes the tables in docs/consent.md from core.wire.personal_data.

Run as ``python -m tools.consent_page``; a test holds the page equal to its source.
"""

from __future__ import annotations

from pathlib import Path

from core.wire.personal_data import CLASSES, USES, Use

PAGE = Path(__file__).resolve().parents[1] / "docs" / "consent.md"
BEGIN, END = "<!-- catalogue -->", "<!-- /catalogue -->"


def with_catalogue(page: str) -> str:
    """The page with its tables as the code has them."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_classes()}\n\n{_uses()}\n{END}{after}"


def _classes() -> str:
    rows = [f"| `{one.data_class.value}` | {one.grade} | {one.holds} |" for one in CLASSES]
    return "\n".join(["| class | grade | what it holds |", "|---|---|---|", *rows])


def _uses() -> str:
    head = ["| asked as | purpose | classes | readers | ground | without it |",
            "|---|---|---|---|---|---|"]  # fmt: skip
    return "\n".join([*head, *(_row(use) for use in USES)])


def _row(use: Use) -> str:
    cells = (
        f"`{use.ask}`" if use.ask else "–",
        use.purpose.value,
        ", ".join(each.value for each in use.classes),
        ", ".join(each.value for each in use.recipients),
        use.basis.value.replace("_", " "),
        use.without,
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_catalogue(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
