"""Caps on how a book is spread over crops, villages and weather cells.

One drought, one price or one pest takes all that is lent in one bucket at once, so a
lender bounds what stands there: a share of its book in a currency, or an amount. The caps
are dated data. They bind nothing but what would add to a bucket:

- a cut is never bound, and what is drawn is never touched: a bucket that earlier growth or
  a cut elsewhere has brought above its cap is watched, not cut, and makes no arrears;
- the room under a cap is reckoned once a day, from the book as it stood then. A part of it
  (``openings_ppm``) is for new lines, in the order in which they are opened; the rest is
  shared among the lines of the bucket in the proportion of their own limits, so that every
  line may rise by the same share. What one line leaves is in the next day's room.

So nobody's rise depends on who is reviewed first, reviews may run side by side, and the
raises of a day cannot together exceed the room: the shares sum to at most all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from core.errors import ConcentrationError, ShapeError
from core.shape import decode
from core.units import PPM, civil_date

CELL_E7 = 2_500_000  # [degrees × 10⁷]: a quarter of a degree, the grid of the ERA5 reanalysis
HHI_WHOLE = 10_000  # one bucket holds all [points]
ROWS_MAX = 1_000


class Dimension(Enum):
    """By what a book is spread; the first that binds is told."""

    CROP = "crop"
    VILLAGE = "village"
    CELL = "cell"


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that may stand in a bucket, or in each of a dimension's.

    ``bucket`` is absent for each. ``share_ppm`` is of the book in the line's currency;
    ``amount_minor`` of one ``currency`` [minor units]. One of the two is given.
    """

    dimension: Dimension
    bucket: str | None = None
    share_ppm: int | None = None
    amount_minor: int | None = None
    currency: str | None = None

    def holds_for(self, dimension: Dimension, bucket: str, currency: str) -> bool:
        """Whether it bounds a bucket in a currency."""
        return (
            self.dimension is dimension
            and self.bucket in (None, bucket)
            and self.currency in (None, currency)
        )


@dataclass(frozen=True, slots=True)
class SmallBook:
    """Below this a book in a currency counts as so much, for the shares [minor units]."""

    currency: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ConcentrationRules:
    """A version of the caps, in force from a day on; without caps nothing is bound."""

    version: int
    effective_from: str
    source: str
    openings_ppm: int
    caps: tuple[Cap, ...] = ()
    small_books: tuple[SmallBook, ...] = ()


@dataclass(frozen=True, slots=True)
class Placed:
    """What a line counts under; an empty bucket is not known, and nothing is bound by it."""

    currency: str
    crop: str
    village: str
    cell: str

    def bucket(self, dimension: Dimension) -> str:
        """Its bucket in one dimension."""
        named: str = getattr(self, dimension.value)
        return named


@dataclass(frozen=True, slots=True)
class Bucket:
    """What stands in one bucket [minor units]; the lines' share of it is ``limits_minor``.

    ``exposure_minor`` is what may come to be owed: of each line its limit or what is drawn
    and leased if that is more, and what stations may open in the dark.
    """

    currency: str
    dimension: Dimension
    bucket: str
    exposure_minor: int
    limits_minor: int
    lines_count: int


@dataclass(frozen=True, slots=True)
class Spread:
    """A book as it stood on a day, by bucket, and in whole by currency [minor units]."""

    buckets: Mapping[tuple[str, Dimension, str], Bucket]
    books: Mapping[str, int]

    @classmethod
    def of(cls, found: Iterable[Bucket]) -> Spread:
        """A spread of its buckets; every line stands in one bucket of each dimension."""
        buckets = {(each.currency, each.dimension, each.bucket): each for each in found}
        books: dict[str, int] = {}
        for (currency, dimension, _), each in buckets.items():
            if dimension is Dimension.CROP:
                books[currency] = books.get(currency, 0) + each.exposure_minor
        return cls(buckets, books)

    def of_bucket(self, currency: str, dimension: Dimension, bucket: str) -> Bucket:
        """What stands in a bucket; nothing where the day's book did not know it."""
        empty = Bucket(currency, dimension, bucket, 0, 0, 0)
        return self.buckets.get((currency, dimension, bucket), empty)


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How high a line may stand today, and by which dimension's cap [minor units]."""

    limit_minor: int
    dimension: Dimension


@dataclass(frozen=True, slots=True)
class Watched:
    """A bucket above its cap: nothing there rises until it is below again."""

    bucket: Bucket
    cap_minor: int


def cap_minor(
    rules: ConcentrationRules, spread: Spread, dimension: Dimension, of: tuple[str, str]
) -> int | None:
    """The lowest cap of a bucket [minor units]; None if nothing bounds it.

    Parameters
    ----------
    of
        The currency and the bucket.
    """
    currency, bucket = of
    if not bucket:
        return None
    small = sum(each.amount_minor for each in rules.small_books if each.currency == currency)
    book = max(spread.books.get(currency, 0), small)
    amounts = [
        book * cap.share_ppm // PPM if cap.share_ppm is not None else cap.amount_minor or 0
        for cap in rules.caps
        if cap.holds_for(dimension, bucket, currency)
    ]
    return min(amounts, default=None)


def ceiling(
    rules: ConcentrationRules, spread: Spread, placed: Placed, base_minor: int
) -> Ceiling | None:
    """How high a line may be raised today; None if no cap bounds any of its buckets.

    Parameters
    ----------
    base_minor
        The line's limit in the day's book [minor units]; 0 for one that is not in it.
    """
    found = []
    for dimension in Dimension:
        bucket = spread.of_bucket(placed.currency, dimension, placed.bucket(dimension))
        room = _room(rules, spread, bucket)
        if room is not None:
            raises = room - room * rules.openings_ppm // PPM
            share = raises * base_minor // bucket.limits_minor if bucket.limits_minor else 0
            found.append(Ceiling(base_minor + share, dimension))
    return min(found, key=lambda each: each.limit_minor, default=None)


def opening_room(
    rules: ConcentrationRules,
    spread: Spread,
    placed: Placed,
    opened: Mapping[tuple[str, Dimension, str], int],
) -> Ceiling | None:
    """How large a new line may be today; None if no cap bounds any of its buckets.

    Parameters
    ----------
    opened
        What was opened or given to stations to open since the day's book, by bucket
        [minor units].
    """
    found = []
    for dimension in Dimension:
        bucket = spread.of_bucket(placed.currency, dimension, placed.bucket(dimension))
        room = _room(rules, spread, bucket)
        if room is not None:
            used = opened.get((bucket.currency, dimension, bucket.bucket), 0)
            left = room * rules.openings_ppm // PPM - used
            found.append(Ceiling(max(0, left), dimension))
    return min(found, key=lambda each: each.limit_minor, default=None)


def _room(rules: ConcentrationRules, spread: Spread, bucket: Bucket) -> int | None:
    """What a bucket may take in today [minor units]; None if nothing bounds it."""
    most = cap_minor(rules, spread, bucket.dimension, (bucket.currency, bucket.bucket))
    return None if most is None else max(0, most - bucket.exposure_minor)


def watched(rules: ConcentrationRules, spread: Spread) -> tuple[Watched, ...]:
    """The buckets that stand above their caps, by earlier growth or a book that shrank."""
    found = []
    for each in spread.buckets.values():
        most = cap_minor(rules, spread, each.dimension, (each.currency, each.bucket))
        if most is not None and each.exposure_minor > most:
            found.append(Watched(each, most))
    return tuple(found)


def hhi_points(amounts: Sequence[int]) -> int:
    """The Herfindahl-Hirschman index of amounts [points]: 10,000 where one holds all.

    The sum of the squared shares (US Department of Justice, Merger Guidelines 2023, 2.1).
    """
    total = sum(amounts)
    return sum(each * each for each in amounts) * HHI_WHOLE // (total * total) if total else 0


def weather_cell(lon_e7: int, lat_e7: int) -> str:
    """The cell of the weather grid in which a place lies, by its south-western corner.

    Parameters
    ----------
    lon_e7, lat_e7
        Longitude and latitude [degrees × 10⁷].
    """
    south, west = (each // CELL_E7 * CELL_E7 // 100_000 for each in (lat_e7, lon_e7))
    return f"{'S' if south < 0 else 'N'}{abs(south):04d}{'W' if west < 0 else 'E'}{abs(west):05d}"


def parse_concentration(table: Mapping[str, Any]) -> ConcentrationRules:
    """Rules from a parsed TOML table.

    Raises
    ------
    ConcentrationError
        If a field is missing, unknown or out of range; every fault is named.
    """
    try:
        rules = decode(ConcentrationRules, dict(table))
    except ShapeError as error:
        raise ConcentrationError(str(error)) from error
    faults = list(_faults(rules))
    if faults:
        raise ConcentrationError(f"version {rules.version}: " + "; ".join(faults))
    return rules


def _faults(rules: ConcentrationRules) -> Iterable[str]:
    if civil_date(rules.effective_from) is None:
        yield f"effective_from must be a date such as 2026-09-15, got {rules.effective_from[:40]!r}"
    if rules.version < 1:
        yield f"version must be at least 1, got {rules.version}"
    if not 0 <= rules.openings_ppm <= PPM:
        yield f"openings_ppm must be 0 to {PPM}, got {rules.openings_ppm}"
    if len(rules.caps) > ROWS_MAX:
        yield f"expected at most {ROWS_MAX} caps, got {len(rules.caps)}"
    for number, cap in enumerate(rules.caps):
        yield from (f"caps[{number}]: {words}" for words in _cap_faults(cap))
    for number, small in enumerate(rules.small_books):
        if small.amount_minor < 0:
            yield f"small_books[{number}].amount_minor must not be negative"


def _cap_faults(cap: Cap) -> Iterable[str]:
    if (cap.share_ppm is None) == (cap.amount_minor is None):
        yield "give one of share_ppm and amount_minor"
    if cap.share_ppm is not None and not 0 <= cap.share_ppm <= PPM:
        yield f"share_ppm must be 0 to {PPM}, got {cap.share_ppm}"
    if cap.amount_minor is not None and (cap.amount_minor < 0 or cap.currency is None):
        yield "amount_minor must not be negative, and needs a currency"
    if cap.bucket == "":
        yield "bucket must be a name; leave it out for every bucket"
