"""Words, numbers, money and days of the console's pages, as :mod:`server.words` has them."""

from __future__ import annotations

from server.words import (
    LANGUAGES,
    PSEUDO,
    TAGS,
    cash_months,
    code,
    fact,
    figure,
    fraction,
    known,
    known_code,
    language,
    long_day,
    message,
    money,
    number,
    percent,
    pseudo,
    reason,
    say,
    say_count,
    short_day,
    short_month,
    shown,
    shown_count,
    speaking,
)

__all__ = [
    "LANGUAGES", "PSEUDO", "TAGS", "cash_months", "code", "fact", "figure", "fraction", "known",
    "known_code", "language", "long_day", "message", "money", "number", "percent", "pseudo",
    "reason", "say", "say_count", "short_day", "short_month", "shown", "shown_count", "speaking",
]  # fmt: skip
