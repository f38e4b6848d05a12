"""How the book is spread: what stands in each bucket, its cap, and how concentrated it all is.

Of today it is the book as it stands; of a day before, the book that was kept of that day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from core.lending.concentration import (
    Bucket,
    ConcentrationRules,
    Dimension,
    Spread,
    cap_minor,
    hhi_points,
)
from core.units import civil_day
from server.services.centre import RequestError
from server.services.reports.table import Cell, Report, count, minor, ppm, share, text
from server.services.spreading import buckets_at
from server.store import rulebooks, spread
from server.store.books import AsOf
from server.store.engine import Tx

ALL = "all"
COLUMNS = (
    *text("by", "bucket", "currency"),
    *count("lines"),
    *minor("exposure_minor"),
    *ppm("share_ppm"),
    *minor("cap_minor"),
    *text("stands"),  # against its cap; empty where there is none
    *count("hhi_points"),
)


def concentration(tx: Tx, then: AsOf) -> Report:
    """The table: a row a bucket, the largest first, and one for each dimension's whole.

    Raises
    ------
    RequestError
        If the day is over, and no book of it was kept.
    """
    rules = rulebooks.concentration_on(tx, then.on)
    return Report(
        name="concentration",
        title="Concentration by crop, village and weather cell",
        as_of=then.on,
        columns=COLUMNS,
        rows=list(_rows(rules, Spread.of(_buckets(tx, then)))),
    )


def _buckets(tx: Tx, then: AsOf) -> Sequence[Bucket]:
    if then.on >= civil_day(then.recorded_ms).isoformat():
        return buckets_at(tx, then.recorded_ms + 1)
    kept = spread.on_day(tx, then.on)
    if kept is None:
        raise RequestError(
            f"expected a day whose book was kept for caps, got {then.on}: leave out --as-of"
        )
    return kept.buckets


def _rows(rules: ConcentrationRules, spread: Spread) -> Iterator[tuple[Cell, ...]]:
    for dimension in Dimension:
        for currency in sorted(spread.books):
            here = [
                each for (of, by, _), each in spread.buckets.items()
                if (of, by) == (currency, dimension)
            ]  # fmt: skip
            here.sort(key=lambda each: (-each.exposure_minor, each.bucket))
            yield from _dimension(rules, spread, here)


def _dimension(
    rules: ConcentrationRules, spread: Spread, here: Sequence[Bucket]
) -> Iterator[tuple[Cell, ...]]:
    if not here:
        return
    total = sum(each.exposure_minor for each in here)
    first = here[0]
    lines = sum(each.lines_count for each in here)
    index = hhi_points([each.exposure_minor for each in here])
    whole = (first.dimension.value, ALL, first.currency, lines, total, share(total, total))
    yield *whole, 0, "", index
    for each in here:
        most = cap_minor(rules, spread, each.dimension, (each.currency, each.bucket))
        stands = "" if most is None else "above" if each.exposure_minor > most else "below"
        yield (
            each.dimension.value, each.bucket or "not known", each.currency, each.lines_count,
            each.exposure_minor, share(each.exposure_minor, total),
            most or 0, stands, 0,
        )  # fmt: skip
