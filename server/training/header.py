"""The compact model as one C header: C99, no allocation, no floating point, no library.

For a microcontroller that must decide or rank by itself. The header is made from the
table, so that model and code cannot part ways; it gives the same integer and the same
reasons as ``core.scoring.points``. Its compiler needs ``<stdint.h>`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from string import Template

from core.errors import ShapeError
from core.scoring.points import REASONS_MAX, FeatureTable, PairTable, PointsTable

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)
INPUTS_MAX = 255
TABLE_CELLS_MAX = 2**16 - 1
EDGES_MAX = 2**8 - 1  # of one axis: their number is a byte in the header
A_LINE = 12  # numbers
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_TEXT = re.compile(r"[\w .:-]*\Z", re.ASCII)


def c_header(name: str, version: int, sha256: str, table: PointsTable) -> str:
    """The header of a model.

    Parameters
    ----------
    name, version, sha256
        Of the model document that the table is from; written into the header.

    Raises
    ------
    ShapeError
        If a feature's name is no C identifier in lower case, a sum of points might leave
        32 bits, or a feature has more than ``EDGES_MAX`` edges.
    """
    if not _TEXT.match(name) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise ShapeError(f"expected a plain model name and a SHA-256, got {name!r}, {sha256!r}")
    cells = _Cells()
    inputs = _inputs_in_order(table)
    ones = [_one(cells, inputs, each) for each in table.features]
    twos = [_two(cells, inputs, each) for each in table.pairs]
    _require_32_bits(table, cells)
    steps = [f"{{{step.score_min}, {step.pd_ppm}}}" for step in table.pd_steps]
    return _HEADER.substitute(
        name=name,
        version=version,
        sha256=sha256,
        inputs="".join(f"  HL_IN_{each.upper()} = {i},\n" for i, each in enumerate(inputs)),
        inputs_count=len(inputs),
        base=table.base,
        refer_low=table.refer_low,
        refer_high=table.refer_high,
        reasons_max=REASONS_MAX,
        type="int16_t" if cells.are_16_bits() else "int32_t",
        edges=_numbers(cells.edges),
        points=_numbers(cells.points),
        ones=_rows(ones),
        ones_count=len(ones),
        twos=_rows(twos),
        twos_count=len(twos),
        steps=_rows(steps),
        steps_count=len(steps),
    )


@dataclass(slots=True)
class _Cells:
    """All edges and all points, one after the other; equal runs of edges are kept once."""

    edges: list[int] = field(default_factory=list)
    points: list[int] = field(default_factory=list)
    known: dict[tuple[int, ...], int] = field(default_factory=dict)

    def add_edges(self, edges: tuple[int, ...]) -> str:
        """Where they begin and how many they are, as C."""
        if len(edges) > EDGES_MAX:
            raise ShapeError(f"expected at most {EDGES_MAX} edges of a feature, got {len(edges)}")
        if edges not in self.known:
            self.known[edges] = len(self.edges)
            self.edges += edges
        return f"{self.known[edges]}, {len(edges)}"

    def add_points(self, points: Iterable[int]) -> int:
        """Where they begin."""
        at = len(self.points)
        self.points += points
        return at

    def are_16_bits(self) -> bool:
        """Whether the points are small enough for half the room."""
        return all(-(2**15) <= each < 2**15 for each in self.points)


def _inputs_in_order(table: PointsTable) -> dict[str, int]:
    """Every input's place: first those that can be a reason, in the order of reasons."""
    names = [one.feature for one in table.features]
    names += [two.first for two in table.pairs] + [two.second for two in table.pairs]
    found = {name: i for i, name in enumerate(dict.fromkeys(names))}
    wrong = [name for name in found if not _NAME.match(name)]
    if wrong or not 1 <= len(found) <= INPUTS_MAX:
        raise ShapeError(
            f"expected 1 to {INPUTS_MAX} features named like soil_stress_days, got {len(found)}"
            + "".join(f", {name!r}" for name in wrong[:3])
        )
    return found


def _one(cells: _Cells, inputs: dict[str, int], one: FeatureTable) -> str:
    at = cells.add_points((one.missing_points, *one.points))
    edges = cells.add_edges(one.edges)
    return f"{{{one.reference_points}, {at}, {edges}, {inputs[one.feature]}}}"


def _two(cells: _Cells, inputs: dict[str, int], pair: PairTable) -> str:
    at = cells.add_points(points for row in pair.points for points in row)
    first, second = cells.add_edges(pair.first_edges), cells.add_edges(pair.second_edges)
    return (
        f"{{{pair.reference_points}, {at}, {first}, {second}, "
        f"{inputs[pair.first]}, {inputs[pair.second]}}}"
    )


def _require_32_bits(table: PointsTable, cells: _Cells) -> None:
    """Refuse what could overflow: a sum over all tables, or a number that does not fit."""
    most = abs(table.base)
    for one in table.features:
        most += _widest((one.missing_points, *one.points), one.reference_points)
    for two in table.pairs:
        most += _widest([each for row in two.points for each in row], two.reference_points)
    steps = [n for step in table.pd_steps for n in (step.score_min, step.pd_ppm)]
    single = (*cells.edges, *steps, table.refer_low, table.refer_high)
    if most > INT32_MAX or not all(INT32_MIN < each <= INT32_MAX for each in single):
        raise ShapeError("expected points whose sums fit 32 bits, and edges and steps that do")
    if max(len(cells.edges), len(cells.points)) > TABLE_CELLS_MAX:
        raise ShapeError(f"expected at most {TABLE_CELLS_MAX} edges and points")


def _widest(points: Sequence[int], reference: int) -> int:
    return max(map(abs, points)) + abs(reference)


def _numbers(values: list[int]) -> str:
    lines = [values[i : i + A_LINE] for i in range(0, len(values), A_LINE)] or [[0]]
    return ",\n".join("  " + ", ".join(map(str, line)) for line in lines)


def _rows(rows: list[str]) -> str:
    # C has no empty arrays: a table that is not there gets a row that is never read.
    return ",\n".join(f"  {row}" for row in rows or ["{0}"])


_HEADER = Template("""\
/* Made by `harvestline-server model header`; do not edit.
 * ${name}, version ${version}
 * sha256 ${sha256}
 *
 * Fill an hl_application (known[HL_IN_…] = 0 says that an input is missing), then call
 * hl_score, hl_pd_ppm and hl_lost_points. Nothing is allocated, nothing is kept.
 */
#ifndef HARVESTLINE_POINTS_H
#define HARVESTLINE_POINTS_H

#include <stdint.h>

#define HL_MODEL_NAME "${name}"
#define HL_MODEL_VERSION ${version}
#define HL_MODEL_SHA256 "${sha256}"
#define HL_REFER_LOW ${refer_low}
#define HL_REFER_HIGH ${refer_high}
#define HL_REASONS_MAX ${reasons_max}

enum {
${inputs}  HL_INPUTS = ${inputs_count}
};

typedef struct {
  int32_t value[HL_INPUTS];
  uint8_t known[HL_INPUTS];
} hl_application;

typedef struct {
  int32_t points; /* lost against the reference; positive is worse */
  uint8_t input;
} hl_lost;

typedef struct {
  int32_t reference;
  uint16_t points_at; /* of a missing value; bin k follows at k + 1 */
  uint16_t edges_at;
  uint8_t edges;
  uint8_t input;
} hl_one;

typedef struct {
  int32_t reference;
  uint16_t points_at;
  uint16_t first_at;
  uint8_t first_edges;
  uint16_t second_at;
  uint8_t second_edges;
  uint8_t first;
  uint8_t second;
} hl_two;

typedef struct {
  int32_t score_min;
  int32_t pd_ppm;
} hl_step;

static const int32_t hl_edges[] = {
${edges}
};

static const ${type} hl_points[] = {
${points}
};

static const hl_one hl_ones[] = {
${ones}
};

static const hl_two hl_twos[] = {
${twos}
};

static const hl_step hl_steps[] = {
${steps}
};

enum { HL_ONES = ${ones_count}, HL_TWOS = ${twos_count}, HL_STEPS = ${steps_count} };

/* How many of the edges are not above the value, plus one; 0 if it is missing. */
static inline uint16_t hl_bin(const hl_application *of, uint8_t input, uint16_t at,
                              uint8_t count) {
  uint16_t low = 0, high = count;
  if (!of->known[input]) {
    return 0;
  }
  while (low < high) {
    uint16_t middle = (uint16_t)((low + high) / 2u);
    if (of->value[input] < hl_edges[at + middle]) {
      high = middle;
    } else {
      low = (uint16_t)(middle + 1u);
    }
  }
  return (uint16_t)(low + 1u);
}

static inline int32_t hl_of_one(const hl_one *one, const hl_application *of) {
  return hl_points[one->points_at + hl_bin(of, one->input, one->edges_at, one->edges)];
}

static inline int32_t hl_of_two(const hl_two *two, const hl_application *of) {
  uint16_t row = hl_bin(of, two->first, two->first_at, two->first_edges);
  uint16_t column = hl_bin(of, two->second, two->second_at, two->second_edges);
  return hl_points[two->points_at + row * (two->second_edges + 2) + column];
}

/* The score of an application. */
static inline int32_t hl_score(const hl_application *of) {
  int32_t total = ${base};
  int i;
  for (i = 0; i < HL_ONES; i++) {
    total += hl_of_one(&hl_ones[i], of);
  }
  for (i = 0; i < HL_TWOS; i++) {
    total += hl_of_two(&hl_twos[i], of);
  }
  return total;
}

/* The probability of default that belongs to a score [ppm]. */
static inline int32_t hl_pd_ppm(int32_t points) {
  int32_t found = hl_steps[0].pd_ppm;
  int i;
  for (i = 0; i < HL_STEPS; i++) {
    if (points >= hl_steps[i].score_min) {
      found = hl_steps[i].pd_ppm;
    }
  }
  return found;
}

/* What cost the most points, worst first; returns how many reasons were written. */
static inline uint8_t hl_lost_points(const hl_application *of, hl_lost worst[HL_REASONS_MAX]) {
  int32_t lost[HL_INPUTS] = {0};
  uint8_t count = 0;
  int i;
  for (i = 0; i < HL_ONES; i++) {
    lost[hl_ones[i].input] += hl_ones[i].reference - hl_of_one(&hl_ones[i], of);
  }
  for (i = 0; i < HL_TWOS; i++) {
    lost[hl_twos[i].first] += hl_twos[i].reference - hl_of_two(&hl_twos[i], of);
  }
  while (count < HL_REASONS_MAX) {
    int most = 0;
    for (i = 1; i < HL_INPUTS; i++) {
      if (lost[i] > lost[most]) {
        most = i;
      }
    }
    if (lost[most] <= 0) {
      break;
    }
    worst[count].points = lost[most];
    worst[count].input = (uint8_t)most;
    lost[most] = 0;
    count++;
  }
  return count;
}

#endif
""")
