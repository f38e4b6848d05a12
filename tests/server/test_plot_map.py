"""Many plots on one map and in one list: every filter, every order, whoever looks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import select

from server.app import create_app
from server.config import Settings
from server.console.views.book import SUMMED_LINES_MAX, read_book, read_query, read_rows
from server.console.views.plot_list import (
    PlotQuery,
    PlotRow,
    find_plots,
    is_wanted,
    read_plot_list,
    read_plot_query,
    read_plots,
)
from server.console.views.plot_measures import (
    GREENNESS_TONES,
    RISK_TONES,
    greenness_percent,
    risk_of,
    tone_at,
)
from server.console.views.plot_shapes import GRID_E7, Rings, compact, ring_of
from server.services.access import reading
from server.services.audit.run import Checked, audit_in
from server.services.centre import Centre
from server.store import evidence, lines, plot_rows
from server.store.engine import Store, Tx
from server.store.scoping import Scope
from server.store.tables import accesses, line_subjects, newest_looks, sites, subjects
from server.store.tables import evidence as looks
from server.store.tables import lines as lines_table
from tests.support.centre import Served
from tests.support.centre_kit import Counter, keys_of
from tests.support.chromium import chromium
from tests.support.console_book import PASSWORD
from tests.support.console_visits import visits
from tests.support.drawn_map import looks_elsewhere, middle_of_a_name, middle_of_a_shape
from tests.support.limit_book import NOW_MS, TODAY
from tests.support.wide_book import fill_wide, wide_centre

PLOTS = 1_100  # of two villages, but for what is no plot
HOSTILE = "<img src=x onerror=\"document.title='hit'\">&amp; \u202ebeans"


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    folder = tmp_path_factory.mktemp("wide")
    found = wide_centre(folder, f"sqlite:///{folder / 'centre.sqlite'}", PLOTS)
    found.store.write(_name_badly)
    yield found
    found.store.close()


def _name_badly(tx: Tx) -> None:
    """One plot and its crop, and its village, hold markup and marks that turn writing around."""
    plot = subjects.c.subject_id == "plot-00000001"
    tx.run(subjects.update().where(plot).values(name=HOSTILE, crop=HOSTILE))
    tx.run(sites.update().where(sites.c.site == "site-00000").values(name="<b>Bondeni</b>"))


@pytest.fixture(scope="module")
def plots(centre: Centre) -> list[PlotRow]:
    with centre.store.reading() as tx:
        return read_plots(tx)


# The newest look at each plot


def newest_of_all(store: Store) -> dict[str, str]:
    """By subject its newest look, found among all that ever came."""
    c = looks.c
    with store.reading() as tx:
        rows = tx.rows(select(c.subject_id, c.as_of, c.received_at_ms, c.evidence_id))
    ordered = sorted(rows, key=lambda r: (r["as_of"], r["received_at_ms"], r["evidence_id"]))
    return {row["subject_id"]: row["evidence_id"] for row in ordered}


def newest_kept(store: Store) -> dict[str, str]:
    with store.reading() as tx:
        rows = tx.rows(select(newest_looks.c.subject_id, newest_looks.c.evidence_id))
    return {row["subject_id"]: row["evidence_id"] for row in rows}


def test_newest_look_is_kept_whenever_a_look_comes(store: Store):
    fill_wide(store, 60)
    found = newest_kept(store)
    assert len(found) > 50
    assert found == newest_of_all(store)
    with store.reading() as tx:
        known = tx.rows(select(looks).where(looks.c.subject_id == "plot-00000001"))[-1]
    for days, name in (("2026-05-01", "late"), ("2026-06-01", "new"), ("2026-06-01", "newer")):
        look = {**known, "evidence_id": f"ev-{name}", "as_of": days, "stage": "ripening"}
        look.pop("tenant_id")
        store.write(lambda tx, row=look: tx.insert(looks, **row))
        assert newest_kept(store) == newest_of_all(store)
    assert newest_kept(store)["plot-00000001"] == "ev-newer"
    with store.reading() as tx:
        row = next(r for r in read_plots(tx) if r.subject_id == "plot-00000001")
        assert row.stage == "ripening"
        kept = evidence.latest(tx, "plot-00000001")
        assert kept is not None
        assert evidence.latest_everywhere(tx)["plot-00000001"] == kept


def test_audit_names_a_newest_look_that_is_not_the_newest(store: Store):
    fill_wide(store, 30)
    assert audited(store).first is None
    where = newest_looks.c.subject_id == "plot-00000001"
    wrong = newest_looks.update().where(where).values(stage="harvested", as_of="2025-01-01")
    for change in (wrong, newest_looks.delete().where(where)):
        assert store.write(lambda tx, one=change: tx.run(one)) == 1
        found = audited(store)
        assert found.first is not None
        assert (found.faults_count, found.first.record_id) == (1, "plot-00000001")
        assert "2026-05-20" in found.first.expected


def audited(store: Store) -> Checked:
    ids = Counter()
    centre = Centre(Settings(), store, keys_of("centre", 1), lambda: NOW_MS, ids.next_id,
                    ids.next_token)  # fmt: skip
    with store.reading() as tx:
        [found] = audit_in(centre, tx, ("looks",)).checks
    assert found.looked_count > 20
    return found


# What a row says


def test_a_row_says_what_the_book_says(centre: Centre, plots: list[PlotRow]):
    with centre.store.reading() as tx:
        for row in plots[::97]:
            line = lines.get(tx, row.line_id)
            moved = lines.last_movement(tx, row.line_id)
            kept = evidence.latest(tx, row.subject_id)
            assert moved is not None
            assert row.subject_id in line.subject_ids
            assert row.movement == ("frozen" if line.frozen else moved.movement.value)
            assert (row.limit_minor, row.watch) == (line.limit_minor, line.watch)
            assert kept is not None
            assert (row.stage, row.anomaly_ppm) == (kept.stage.value, kept.anomaly_ppm)


def test_an_open_line_speaks_before_a_closed_one(tmp_path: Path):
    found = wide_centre(tmp_path, f"sqlite:///{tmp_path / 'c.sqlite'}", 30)
    try:
        with found.store.reading() as tx:
            line = lines.get(tx, next(r.line_id for r in read_plots(tx) if r.movement == "held"))
            row = tx.row(select(lines_table).where(lines_table.c.line_id == line.line_id))
        assert row is not None
        row.pop("tenant_id")
        closed = {**row, "line_id": "line-closed", "is_open": False, "frozen": True}
        graver = {**row, "line_id": "line-frozen", "is_open": True, "frozen": True}
        for other, speaks in ((closed, line.line_id), (graver, "line-frozen")):
            rests = {"line_id": other["line_id"], "subject_id": line.subject_ids[0]}
            found.store.write(
                lambda tx, line=other, rests=rests: (
                    tx.insert(lines_table, **line),
                    tx.insert(line_subjects, **rests),
                )
            )
            with found.store.reading() as tx:
                told = {r.subject_id: r for r in read_plots(tx)}[line.subject_ids[0]]
            assert told.line_id == speaks
    finally:
        found.store.close()


# Filters, orders, pages

FILTERS: list[tuple[PlotQuery, Callable[[PlotRow], bool]]] = [
    (PlotQuery(crop="beans"), lambda r: r.crop == "beans"),
    (PlotQuery(village="site-00001"), lambda r: r.village_name == "Chemelil"),
    (PlotQuery(stage="heading"), lambda r: r.stage == "heading"),
    (PlotQuery(risk="risk-2"), lambda r: r.pd_ppm is not None and 100_000 <= r.pd_ppm < 200_000),
    (PlotQuery(risk="none"), lambda r: r.pd_ppm is None),
    (PlotQuery(movement="frozen"), lambda r: r.movement == "frozen"),
    (PlotQuery(q="AMINA ot"), lambda r: r.owner.startswith("Amina Ot")),
    (PlotQuery(q="chemelil", risk="none"), lambda r: r.pd_ppm is None and r.village[-1] == "1"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "fits"), FILTERS)
def test_each_filter_leaves_what_fits_and_nothing_else(
    plots: list[PlotRow], query: PlotQuery, fits: Callable[[PlotRow], bool]
):
    found = {row.subject_id for row in plots if is_wanted(row, query)}
    assert found == {row.subject_id for row in plots if fits(row)}
    assert 0 < len(found) < len(plots)


@pytest.mark.parametrize("key", ["plot", "village", "crop", "area", "greenness", "risk", "limit"])
def test_pages_of_every_order_hold_each_plot_once(centre: Centre, plots: list[PlotRow], key: str):
    with centre.store.reading() as tx:
        rising = find_plots(tx, PlotQuery(sort=key))
        falling = find_plots(tx, PlotQuery(sort=f"-{key}"))
        query = PlotQuery(sort=key)
        first = read_plot_list(tx, query)
        last = read_plot_list(tx, PlotQuery(sort=key, page=999_999))
    known = [row for row in rising if key != "risk" or row.pd_ppm is not None]
    assert rising[: len(known)] == falling[: len(known)][::-1]
    assert rising[len(known) :] == falling[len(known) :]  # what is not known stands last
    assert sorted(row.subject_id for row in rising) == sorted(row.subject_id for row in plots)
    assert list(first.rows) == rising[: len(first.rows)]
    assert list(last.rows) == rising[-len(last.rows) :]
    assert last.query.page == last.pages_count == -(-len(plots) // len(first.rows))


def test_what_an_address_may_not_say_is_as_if_it_were_not_said():
    asked = {"sort": "password", "page": "-3", "stage": "x", "risk": "0 or 1", "by": "money"}
    assert read_plot_query(asked) == PlotQuery()
    assert read_plot_query({"page": "9" * 40}) == PlotQuery()
    told = PlotQuery(q="a b", crop="maize", sort="-risk", page=3)
    assert read_plot_query(told.link()) == told
    assert told.filter_link() == {"q": "a b", "crop": "maize"}


@pytest.mark.parametrize(
    ("ppm", "tone"), [(-250_001, "low3"), (-250_000, "low2"), (-40_001, "low1"), (-40_000, "mid"),
                      (39_999, "mid"), (40_000, "high1"), (120_000, "high2")],
)  # fmt: skip
def test_a_class_of_greenness_begins_at_its_bound(ppm: int, tone: str):
    percent = greenness_percent(ppm)
    assert percent is not None
    assert GREENNESS_TONES[tone_at(GREENNESS_TONES, percent)].name == tone


def test_a_band_of_risk_begins_at_its_bound():
    bounds = (0, 49_999, 50_000, 100_000, 199_999, 200_000)
    assert [risk_of(ppm) for ppm in bounds] == [
        RISK_TONES[n].name for n in (0, 0, 1, 2, 2, 3)
    ]  # fmt: skip


# The compact answer


def test_the_map_s_numbers_are_the_plots_shapes(centre: Centre):
    rings = Rings()
    with centre.store.reading() as tx:
        rows = find_plots(tx, PlotQuery())
        told = compact(tx, rings, rows)
        assert compact(tx, rings, rows) == told  # from memory
        shapes = plot_rows.shapes_of(tx, told["id"])
    assert told["id"] == [row.subject_id for row in rows]
    way = iter(zip(told["way"][::2], told["way"][1::2], strict=True))
    first = (0, 0)
    for subject_id, corners in zip(told["id"], told["corners"], strict=True):
        at = first
        ring = []
        for corner in range(corners):
            step = next(way)
            at = (at[0] + step[0], at[1] + step[1])
            first = at if corner == 0 else first
            ring.append((at[0] * GRID_E7, at[1] * GRID_E7))
        drawn = json.loads(shapes[subject_id])["coordinates"][0][:-1]
        assert len(drawn) == corners
        for (east, north), corner_e7 in zip(drawn, ring, strict=True):
            assert abs(east * 1e7 - corner_e7[0]) <= GRID_E7 / 2 + 1
            assert abs(north * 1e7 - corner_e7[1]) <= GRID_E7 / 2 + 1


def test_a_map_that_holds_not_all_says_so(centre: Centre, plots: list[PlotRow]):
    with centre.store.reading() as tx:
        part, every = (compact(tx, Rings(), plots, count) for count in (40, len(plots)))
    assert (part["capped"], part["asked"], len(part["id"])) == (True, len(plots), 40)
    assert (every["capped"], every["asked"], len(every["id"])) == (False, len(plots), len(plots))


def test_what_is_no_polygon_is_not_drawn():
    assert ring_of('{"type": "Point", "coordinates": [1, 2]}') == ()
    assert ring_of('{"type": "Feature", "geometry": null}') == ()
    assert ring_of('{"type": "Polygon", "coordinates": [[]]}') == ()


@pytest.fixture(scope="module")
def served(centre: Centre) -> Iterator[str]:
    found = Served(create_app(centre))
    yield found.url
    found.close()


@pytest.fixture
def client(served: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served, trust_env=False) as found:
        log_in(found, "supervisor")
        yield found


def log_in(client: httpx.Client, name: str) -> None:
    token = client.get("/console/login").text.partition('name="token" value="')[2].partition('"')[0]
    form = {"name": name, "password": PASSWORD, "next": "", "token": token}
    assert client.post("/console/login", data=form).status_code == 303


def test_map_s_answer_is_small_named_and_kept_by_nobody(client: httpx.Client):
    answer = client.get("/console/map/plots.json")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.json()["id"]) > 800
    assert len(gzip.compress(answer.content, 4)) < 40 * 1_100
    assert "Otieno" not in answer.text  # no person is named in it
    again = {"if-none-match": answer.headers["etag"]}
    assert client.get("/console/map/plots.json", headers=again).status_code == 304
    other = client.get("/console/map/plots.json?crop=beans", headers=again)
    assert other.status_code == 200
    plain = client.get("/console/map/plots.json", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.json() == answer.json()


def test_list_and_map_and_file_hold_the_same_plots(client: httpx.Client):
    asked = {"crop": "sorghum", "movement": "cut"}
    drawn = client.get("/console/map/plots.json", params=asked).json()["id"]
    page = client.get("/console/map", params=asked).text
    assert f"{len(drawn)} of " in page
    assert "/console/map/plots.json?crop=sorghum&amp;movement=cut" in page
    file = client.get("/console/map/export.csv", params=asked).text
    assert {row.split(",")[0] for row in file.splitlines()[2:]} == set(drawn)
    shapes = client.get("/console/map/export.geojson", params=asked).json()
    assert [each["properties"]["plot"] for each in shapes["features"]] == drawn


def test_who_is_held_to_a_village_sees_no_other(centre: Centre, plots: list[PlotRow]):
    mine = {row.subject_id for row in plots if row.village == "site-00001"}
    rings = Rings()
    with centre.store.reading() as tx:  # somebody who sees all has filled the memory of shapes
        compact(tx, rings, find_plots(tx, PlotQuery()))
    with reading(centre, Scope("olive", villages=frozenset({"site-00001"}))) as tx:
        found = read_plot_list(tx, PlotQuery())
        drawn = compact(tx, rings, find_plots(tx, PlotQuery()))
        there = read_plot_list(tx, PlotQuery(village="site-00000"))
        named = plot_rows.shapes_of(tx, [row.subject_id for row in plots])
    assert (found.every_count, there.found_count) == (len(mine), 0)
    assert set(drawn["id"]) == set(named) == mine
    assert drawn["villages"] == ["Chemelil"]
    assert [name for _, name, _ in found.choices.villages] == ["Chemelil"]


def test_whom_the_list_shows_stands_in_the_trail_of_looks(client: httpx.Client, centre: Centre):
    client.get("/console/map?sort=-limit")
    with centre.store.reading() as tx:
        [first, *_] = find_plots(tx, PlotQuery(sort="-limit"))
        looked = plot_rows_seen(tx, first.farmer_id)
    assert "plots" in looked


def plot_rows_seen(tx: Tx, farmer_id: str) -> set[str]:

    return {row["shown"] for row in tx.find_rows(accesses, farmer_id=farmer_id)}


# The lines of a large book


def test_many_lines_are_paged_without_their_money_and_added_up_when_asked(centre: Centre):
    with centre.store.reading() as tx:
        every = [row for row in read_rows(tx, TODAY) if row.is_open]
        for sort in ("farmer", "-limit", "stage", "-drawn"):
            found = read_book(tx, read_query({"sort": sort, "page": "3"}), TODAY)
            assert set(found.rows) <= set(every)
            assert found.found_count == len(every) > SUMMED_LINES_MAX
            assert all((each.money is None) == (sort != "-drawn") for each in found.totals)
        asked = read_book(tx, read_query({"sums": "1"}), TODAY)
        few = read_book(tx, read_query({"movement": "frozen"}), TODAY)
    assert sum(each.lines_count for each in asked.totals) == len(every)
    for kept, rows in ((asked, every), (few, [r for r in every if r.movement == "frozen"])):
        for each in kept.totals:
            mine = [row for row in rows if row.currency == each.currency]
            assert each.money is not None
            assert each.limit_minor == sum(row.limit_minor for row in mine)
            assert each.money.owed_minor == sum(row.owed_minor for row in mine)


# In a browser


@pytest.fixture(scope="module")
def visit(served: str) -> Iterator[Callable[..., Page]]:
    with chromium() as browser, visits(browser, f"{served}/console") as come:
        yield come


WAIT_MS_MAX = 60_000
DRAWN = "#map[data-shape='{}']"


def shown_on(page: Page) -> int:
    return int(page.get_attribute("#map", "data-drawn") or 0)


@pytest.mark.browser
def test_hexagons_far_plots_near_and_one_filter_for_map_and_list(
    visit: Callable[..., Page], served: str, plots: list[PlotRow]
):
    page = visit()
    page.set_default_timeout(WAIT_MS_MAX)
    page.goto(f"{served}/console/map")
    page.wait_for_selector(DRAWN.format("hexagons"))
    assert shown_on(page) == len(plots)
    said = page.locator("#map-said")
    expect(said).to_contain_text(f"{len(plots):,} plots in ", timeout=WAIT_MS_MAX)
    assert not faults_of(page)
    page.select_option("#crop", "beans")
    page.wait_for_url("**/map?crop=beans")
    beans = sum(row.crop == "beans" for row in plots)
    page.wait_for_selector(f"#map[data-drawn='{beans}']")
    expect(page.locator("#plots-title")).to_have_text(
        f"{beans} of {len(plots):,} plots and pastures", timeout=WAIT_MS_MAX
    )
    page.click("#plots thead a#by-risk")
    expect(page.locator("#plots th[aria-sort]")).to_contain_text("Risk", timeout=WAIT_MS_MAX)
    page.select_option("#by", "risk")  # the order stays
    page.wait_for_url("**/map?crop=beans&by=risk&sort=risk")
    expect(page.locator(".legend:visible")).to_have_attribute(
        "data-by", "risk", timeout=WAIT_MS_MAX
    )
    # A press on a village's name shows the village.
    looks_elsewhere(page, lambda: page.mouse.click(*middle_of_a_name(page)))
    looks_elsewhere(page, page.get_by_role("button", name="Show all plots").click)
    page.wait_for_selector(DRAWN.format("hexagons"))
    # A press on a hexagon leads nearer, until the plots themselves are seen.
    while page.get_attribute("#map", "data-shape") == "hexagons":
        looks_elsewhere(page, lambda: page.mouse.click(*middle_of_a_shape(page, 20)))
    looking = page.evaluate("location.hash")
    page.reload()
    page.wait_for_selector(DRAWN.format("plots"))
    assert (page.evaluate("location.hash"), shown_on(page)) == (looking, beans)
    # By keys: the plot under the cross is told, and opened.
    page.focus("#map")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("Press a plot to open its page", timeout=WAIT_MS_MAX)
    # Where none lies, it is said, and a button leads back to all.
    page.goto(f"{served}/console/map#15/0.5/30.0")
    expect(said).to_have_text("No plot lies in this view.", timeout=WAIT_MS_MAX)
    page.get_by_role("button", name="Show all plots").click()
    expect(said).to_contain_text(f"{len(plots):,} plots in ", timeout=WAIT_MS_MAX)


@pytest.mark.browser
def test_what_a_name_holds_is_text_in_the_filter_the_list_and_the_map(
    visit: Callable[..., Page], served: str
):
    page = visit()
    page.set_default_timeout(WAIT_MS_MAX)
    page.goto(f"{served}/console/map")
    page.select_option("#crop", HOSTILE)
    page.wait_for_selector("#map[data-drawn='1'][data-shape='plots']")
    expect(page.locator("#crop option:checked")).to_have_text(f"{HOSTILE} · 1")
    expect(page.locator("#plots tbody th")).to_have_text(HOSTILE)
    page.locator("#map").hover()  # its middle, where the one plot lies
    hint = page.locator("#map .leaflet-tooltip strong")
    expect(hint).to_have_text(f"{HOSTILE} · <b>Bondeni</b>", timeout=WAIT_MS_MAX)
    assert page.locator("#main img, #main b").count() == 0
    assert page.title() != "hit"


def faults_of(page: Page) -> list[str]:
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    return [
        f"{fault['id']}: {node['html'][:120]}"
        for fault in found.response["violations"]
        for node in fault["nodes"]
    ]
