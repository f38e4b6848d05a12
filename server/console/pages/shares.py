"""A share of stations as it is typed into a form."""

from __future__ import annotations

from starlette.datastructures import FormData

from server.services.centre import RequestError

PERCENT_MAX = 100
PPM_PER_PERCENT = 10_000


def percent_of(form: FormData, name: str) -> int | None:
    """A share that was typed as a whole percentage [ppm]; None where nothing was.

    Raises
    ------
    RequestError
        If it is no whole number from 0 to 100.
    """
    text = str(form.get(name, "")).strip()
    if not text:
        return None
    if not text.isdecimal() or len(text) > len(f"{PERCENT_MAX}") or int(text) > PERCENT_MAX:
        raise RequestError(f"expected 0 to {PERCENT_MAX} percent, got {text[:20]!r}")
    return int(text) * PPM_PER_PERCENT
