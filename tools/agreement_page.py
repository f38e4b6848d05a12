"""Writes the chart and the table in docs/agreement.md from core.lending.agreement.

Run as ``python -m tools.agreement_page``; a test holds the page equal to its source.
"""

from __future__ import annotations

from pathlib import Path

from core.lending.agreement import TRANSITIONS, AgreementState, Transition

PAGE = Path(__file__).resolve().parents[1] / "docs" / "agreement.md"
BEGIN, END = "<!-- steps -->", "<!-- /steps -->"


def with_steps(page: str) -> str:
    """The page with its chart and table as the code has them."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_chart()}\n\n{_table()}\n{END}{after}"


def _chart() -> str:
    edges = [
        f"    {_node(each.state)} --> {each.after.value}: {each.event.value}" for each in _arrows()
    ]
    ends = [f"    {AgreementState.DECLINED.value} --> [*]"]
    return "\n".join(["```mermaid", "stateDiagram-v2", *edges, *ends, "```"])


def _arrows() -> list[Transition]:
    """Every step but those that lead to where they began."""
    return [each for each in TRANSITIONS if each.after is not each.state]


def _node(state: AgreementState | None) -> str:
    return state.value if state is not None else "[*]"


def _table() -> str:
    head = ["| from | event | to | by | why | if |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *(_row(each) for each in TRANSITIONS)])


def _row(step: Transition) -> str:
    cells = (
        step.state.value if step.state is not None else "–",
        f"`{step.event.value}`",
        step.after.value,
        ", ".join(each.value for each in step.parties),
        ", ".join(each.value for each in step.reasons),
        step.condition or "–",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_steps(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
