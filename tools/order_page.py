"""Writes the chart and the table in docs/orders.md from core.lending.ordering.

Run as ``python -m tools.order_page``; a test holds the page equal to its source.
"""

from __future__ import annotations

from pathlib import Path

from core.lending.ordering import ORDER_STEPS
from tools.agreement_page import with_steps

PAGE = Path(__file__).resolve().parents[1] / "docs" / "orders.md"


def main() -> None:
    """Write the page."""
    PAGE.write_text(with_steps(PAGE.read_text(encoding="utf-8"), ORDER_STEPS), encoding="utf-8")


if __name__ == "__main__":
    main()
