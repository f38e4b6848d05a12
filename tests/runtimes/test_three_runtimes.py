"""Python, JavaScript and C: one table, one integer, the same reasons in the same order.

Ten thousand applications over twenty tables: values on edges and beside them, missing,
at the ends of 32 bits, ties among losses, features that only a pair knows.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from playwright.sync_api import Page

from core.canonical import sha256_hex
from core.errors import ShapeError
from core.scoring.points import (
    FeatureTable,
    PairTable,
    PdStep,
    PointsTable,
    pd_ppm,
    score_and_lost,
)
from core.shape import encode
from server.training.header import c_header
from tests.support.chromium import chromium
from tests.support.models import TABLE
from tests.support.points_tables import applications_of, table_of
from tests.support.requirements import require

TABLES, EACH = 20, 500
MANY_EDGES = PairTable("x", "y", tuple(range(256)), (), ((0, 0),) * 258, 0)
SMALL_POINTS, LARGE_POINTS = 300, 1_000_000  # the latter do not fit 16 bits
# Of what Python says of all of them: it must not change by the way.
ANSWERS_SHA256 = "3e531df3ef44bdb293f87bcad263f7b9873e0b466709df1143d73e905eaa5d52"
# No floating point: there are no registers for it. No library: nothing to link against.
STRICT = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-pedantic"]
BARE = ["-ffreestanding", "-mgeneral-regs-only", "-c"]
READER = """
#include <stdio.h>
#include "points.h"
/* One application a line: known and value of every input; out: score, pd, reasons. */
int main(void) {
  hl_application a;
  hl_lost worst[HL_REASONS_MAX];
  for (;;) {
    for (int i = 0; i < HL_INPUTS; i++) {
      int known, value;
      if (scanf("%d %d", &known, &value) != 2) {
        return i == 0 ? 0 : 1;
      }
      a.known[i] = (uint8_t)known;
      a.value[i] = value;
    }
    int32_t points = hl_score(&a);
    printf("%d %d", (int)points, (int)hl_pd_ppm(points));
    uint8_t count = hl_lost_points(&a, worst);
    for (uint8_t i = 0; i < count; i++) {
      printf(" %d %d", worst[i].input, (int)worst[i].points);
    }
    printf("\\n");
  }
}
"""
BROWSER = """
async ([source, table, applications]) => {
  const module = await import("data:text/javascript;base64," + btoa(source));
  return applications.map((each) => {
    const points = module.score(table, each);
    const lost = module.lostPoints(table, each);
    return [points, module.pdPpm(table, points), lost.map((one) => [one.feature, one.points])];
  });
}
"""
Application = dict[str, int | None]
Answer = tuple[int, int, list[tuple[str, int]]]


@cache
def cases() -> tuple[tuple[PointsTable, tuple[Application, ...]], ...]:
    rng = random.Random(20_261_122)
    made = [
        table_of(rng, points_max=SMALL_POINTS if i % 4 else LARGE_POINTS) for i in range(TABLES - 1)
    ]
    return tuple((table, tuple(applications_of(rng, table, EACH))) for table in (TABLE, *made))


def by_python(table: PointsTable, applications: tuple[Application, ...]) -> list[Answer]:
    found = []
    for each in applications:
        inputs = {name: value for name, value in each.items() if value is not None}
        points, worst = score_and_lost(table, inputs)
        lost = [(one.feature, one.points) for one in worst]
        found.append((points, pd_ppm(table, points), lost))
    return found


def by_c(table: PointsTable, applications: tuple[Application, ...], folder: Path) -> list[Answer]:
    header = c_header("test", 1, "0" * 64, table)
    names = [
        line.split("=")[0].strip().removeprefix("HL_IN_").lower()
        for line in header.splitlines()
        if line.startswith("  HL_IN_")
    ]
    (folder / "points.h").write_text(header)
    (folder / "reader.c").write_text(READER)
    program = folder / "reader"
    compiled([*STRICT, str(folder / "reader.c"), "-o", str(program)])
    lines = [
        " ".join(f"{int(each[name] is not None)} {each[name] or 0}" for name in names)
        for each in applications
    ]
    done = subprocess.run(
        [program], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True
    )
    return [answer_of(line, names) for line in done.stdout.splitlines()]


def answer_of(line: str, names: list[str]) -> Answer:
    points, rate, *lost = map(int, line.split())
    return points, rate, [(names[i], n) for i, n in zip(lost[::2], lost[1::2], strict=True)]


def compiled(words: list[str]) -> None:
    done = subprocess.run([require("cc"), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with chromium() as browser:
        yield browser.new_page()


def in_browser(page: Page, table: PointsTable, applications: list[object]) -> list[Answer]:
    source = files("core.scoring").joinpath("points.js").read_text(encoding="utf-8")
    source = source.encode("ascii", "replace").decode()  # comments alone hold other letters
    plain = json.loads(json.dumps(encode(table)))
    found = page.evaluate(BROWSER, [source, plain, applications])
    return [(points, rate, [(name, n) for name, n in lost]) for points, rate, lost in found]


def test_ten_thousand_answers_of_python_are_what_they_were():
    answers = [by_python(*each) for each in cases()]
    assert sum(map(len, answers)) == TABLES * EACH == 10_000
    assert sum(len(lost) > 1 for some in answers for _, _, lost in some) > 1_000
    assert sha256_hex(json.dumps(answers).encode()) == ANSWERS_SHA256


def test_c_gives_the_same_integers_and_reasons(tmp_path: Path):
    for table, applications in cases():
        assert by_c(table, applications, tmp_path) == by_python(table, applications)


@pytest.mark.browser
def test_javascript_gives_the_same_integers_and_reasons(page: Page):
    for table, applications in cases():
        assert in_browser(page, table, list(applications)) == by_python(table, applications)


@pytest.mark.browser
def test_javascript_takes_a_name_that_every_object_has(page: Page):
    one = FeatureTable("constructor", (5,), (1, 2), 40, 0)
    table = PointsTable(0, (one,), (), (PdStep(0, 10),), 0, 0)
    answers = in_browser(page, table, [{}, {"constructor": 5}])
    assert [points for points, _, _ in answers] == [40, 2]


@pytest.mark.browser
@pytest.mark.parametrize("value", [1.5, 2**31, "7", [1]])
def test_javascript_refuses_what_is_no_integer_of_32_bits(page: Page, value: object):
    with pytest.raises(Exception, match="area_m2: expected an integer of at most 32 bits"):
        in_browser(page, TABLE, [{"area_m2": value}])


def test_c_needs_no_library_no_memory_and_no_floating_point(tmp_path: Path):
    text = c_header("test", 1, "0" * 64, cases()[1][0])
    assert [line for line in text.splitlines() if line.startswith("#include")] == [
        "#include <stdint.h>"
    ]
    calls = "int32_t f(const hl_application *a) { hl_lost w[4]; return hl_score(a)"
    (tmp_path / "points.h").write_text(text)
    (tmp_path / "unit.c").write_text(
        f'#include "points.h"\n{calls} + hl_pd_ppm(3) + hl_lost_points(a, w) + w[0].points; }}\n'
    )
    unit = tmp_path / "unit.o"
    compiled(["-std=c99", "-O2", *BARE, str(tmp_path / "unit.c"), "-o", str(unit)])
    symbols = subprocess.run(
        ["nm", "--undefined-only", unit], capture_output=True, text=True, check=True
    )
    # Clearing the sums may become a call that every freestanding compiler brings along.
    assert set(symbols.stdout.split()) <= {"U", "memset", "__stack_chk_fail"}


@pytest.mark.parametrize(
    ("base", "features", "said"),
    [
        (0, [FeatureTable("a b", (), (1,), 0, 0)], "'a b'"),
        (0, [], "got 0"),
        (2**30, [FeatureTable("a", (), (2**30,), 0, 0)], "fit 32 bits"),
        (0, [FeatureTable("a", (2**31,), (1, 2), 0, 0)], "fit 32 bits"),
        (0, [TABLE.features[0]], "at most 255 edges of a feature, got 256"),
    ],
)
def test_header_is_refused_for_what_c_could_not_say(
    base: int, features: list[FeatureTable], said: str
):
    pairs = (MANY_EDGES,) if "255 edges" in said else ()
    table = PointsTable(base, tuple(features), pairs, (PdStep(0, 1),), 0, 0)
    with pytest.raises(ShapeError, match=said):
        c_header("test", 1, "0" * 64, table)


def test_header_is_refused_for_a_name_that_would_end_its_comment():
    with pytest.raises(ShapeError, match="plain model name"):
        c_header("*/ int x;", 1, "0" * 64, TABLE)
