"""Writes the chart and the table in docs/agreement.md from core.lending.agreement.

Run as ``python -m tools.agreement_page``; a test holds the page equal to its source.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Protocol

from core.lending.agreement import TRANSITIONS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "agreement.md"
BEGIN, END = "<!-- steps -->", "<!-- /steps -->"


class Step(Protocol):
    """One permitted step of anything that lives by a table."""

    @property
    def state(self) -> Enum | None:
        """Where it begins; None where there is nothing yet."""

    @property
    def event(self) -> Enum:
        """What happens."""

    @property
    def after(self) -> Enum:
        """Where it leads."""

    @property
    def parties(self) -> Sequence[Enum]:
        """Of whom it is expected."""

    @property
    def reasons(self) -> Sequence[Enum]:
        """Why."""

    @property
    def condition(self) -> str:
        """On what condition; empty where there is none."""


def with_steps(page: str, steps: Sequence[Step] = TRANSITIONS) -> str:
    """The page with its chart and table as the code has them."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_chart(steps)}\n\n{_table(steps)}\n{END}{after}"


def _chart(steps: Sequence[Step]) -> str:
    arrows = [each for each in steps if each.after is not each.state]  # none to where it began
    edges = [
        f"    {_node(each.state)} --> {each.after.value}: {each.event.value}" for each in arrows
    ]
    left = {each.state for each in steps}
    last = dict.fromkeys(each.after.value for each in steps if each.after not in left)
    ends = [f"    {each} --> [*]" for each in last]
    return "\n".join(["```mermaid", "stateDiagram-v2", *edges, *ends, "```"])


def _node(state: Enum | None) -> str:
    return str(state.value) if state is not None else "[*]"


def _table(steps: Sequence[Step]) -> str:
    head = ["| from | event | to | by | why | if |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(each) for each in steps)])


def _row(step: Step) -> str:
    cells = (
        str(step.state.value) if step.state is not None else "–",
        f"`{step.event.value}`",
        str(step.after.value),
        ", ".join(str(each.value) for each in step.parties),
        ", ".join(str(each.value) for each in step.reasons),
        step.condition or "–",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_steps(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
