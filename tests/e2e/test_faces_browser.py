"""The three faces before real processes: farmer, agent, lender; the centre is killed midway."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_sim.story.peers import Kiosk
from firmware_sim.story.plan import StoryPlan
from firmware_sim.story.season import Season
from firmware_sim.story.stage import Chance, Places, Stage, set_stage
from tests.support.chromium import chromium, complaints_to
from tests.support.edge_station import eventually
from tests.support.season_books import Books
from tests.support.tablet_page import as_held, go, sync, until, until_kept

api = pytest.importorskip("playwright.sync_api", reason="the browser's driver is not installed")

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(900)]
PASSWORD = "reed harbour 71 lantern"
WAIT_MS = 60_000
ARRIVED_S_MAX = 120.0
DAYS = 5
TRIES = 6  # the fifth in a row goes to a person
PLAN = StoryPlan(farmers=12, drought=False, open_day=2, days=DAYS)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[Stage]:
    epochs = itertools.count(1)
    chance = Chance(lambda: f"{next(epochs):016x}", lambda: PASSWORD)
    places = Places(tmp_path_factory.mktemp("faces"), repository / "server" / "products")
    with set_stage(PLAN, places, chance, lambda _: None) as found:
        Season(found, lambda _: None).run()
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """A page of its own visitor; what its console complains of is held against the test."""
    contexts, said = [], []

    def come(**held: Any) -> Any:
        context = browser.new_context(**held)
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", complaints_to(said))
        page.on("pageerror", lambda error: said.append(str(error)))
        return page

    yield come
    for context in contexts:
        context.close()
    assert [one for one in said if "ERR_" not in one] == []  # of a link that was cut, or dead


@contextlib.contextmanager
def dead_centre(stage: Stage) -> Iterator[None]:
    """Kill the centre as a power cut does; at the end it is there again where it was."""
    config = stage.places.centre / "server.toml"
    port = int(stage.centre_url.rpartition(":")[2])
    kept = re.sub(r"(?m)^port\b.*\n", "", config.read_text(encoding="utf-8"))
    config.write_text(f"port = {port}\n{kept}", encoding="utf-8")
    stage.server.kill()
    yield
    stage.server.start()


def arrived(stage: Stage, query: str, *values: object) -> list[dict[str, Any]]:
    """What the centre's books answer, once they answer anything."""
    books = Books(stage.places.root, {})
    found: list[dict[str, Any]] = []

    def came() -> bool:
        found[:] = books.centre(query, *values)
        return bool(found)

    eventually(came, timeout_s=ARRIVED_S_MAX)
    return found


def audited(stage: Stage) -> bool:
    return bool(json.loads(stage.server_command("audit", "--json"))["ok"])


def known(page: Any, url: str, card: str) -> None:
    page.goto(url)
    page.fill("#card", card)
    page.keyboard.press("Enter")
    page.wait_for_url("**/home")


def drawable(stage: Stage) -> str:
    """The card of a farmer with a line of the season's crop."""
    rows = Books(stage.places.root, {}).centre(
        "SELECT farmer_id FROM lines WHERE product_id = 'crop-season' ORDER BY line_id"
    )
    return stage.cards[rows[0]["farmer_id"]]


def test_a_farmer_draws_while_the_centre_is_dead(stage: Stage, open_page: Any) -> None:
    page = open_page()
    known(page, stage.page_url, drawable(stage))
    with dead_centre(stage):
        page.click('a[href^="/draw/"]')
        page.locator(".note-button").first.click()
        page.click('a[href*="/price"]')
        page.click("button.primary")
        page.wait_for_url("**/payout/**")
        page.click("button.primary[data-undo]")
        page.wait_for_url("**/receipt/**")
        draw_id = page.url.rpartition("/")[2]
        page.wait_for_selector("body[data-ready]")
        code = page.locator("[data-code]").get_attribute("data-code")
        page.goto(f"{stage.page_url}/verify")
        page.fill("#card", code)
        page.keyboard.press("Enter")
        api.expect(page.get_by_text("This receipt is true")).to_be_visible()
    (drawn,) = arrived(stage, "SELECT state FROM drawdowns WHERE draw_id = ?", draw_id)
    assert drawn["state"] == "posted"
    assert audited(stage)


def newcomers(stage: Stage) -> list[str]:
    """Farmers who have no line yet."""
    books = Books(stage.places.root, {})
    with_lines = {row["farmer_id"] for row in books.centre("SELECT farmer_id FROM lines")}
    return sorted(set(stage.cards) - with_lines)


def tablet_of(stage: Stage, open_page: Any) -> Any:
    config = str(stage.places.station / "station.toml")
    told = json.loads(stage.command(
        "harvestline-edge", "tablets", "invite", "--config", config, "--tablet", "tab-1",
        "--agent", "agent-1", "--name", "Juma Otieno",
    ))  # fmt: skip
    page = open_page(**as_held(stage.page_url, (390, 844), (37.0, 0.0), 5))
    page.goto(f"{stage.page_url}/tablet/#{told['enrol_at'].partition('#')[2]}")
    page.click("#enrol")
    page.wait_for_selector("#tasks")
    return page


def test_an_agent_writes_an_application_while_the_centre_is_dead(
    stage: Stage, open_page: Any
) -> None:
    farmer_id = newcomers(stage)[0]
    page = tablet_of(stage, open_page)
    sync(page)
    until_kept(page)
    with dead_centre(stage):
        page.context.set_offline(True)
        go(page, f"#/farmer/{farmer_id}")
        page.click("text=Application")
        for _ in range(4):
            page.click("#more")
        page.wait_for_selector("input[name=purpose]")
        for box in page.locator("input[name=purpose]").all():
            box.check()
        page.click("#finish")
        page.wait_for_selector("text=On this tablet")
        page.reload()  # the page comes from the tablet's own store
        page.context.set_offline(False)
        until(page, HANDED_IN, "station")
    until(page, HANDED_IN, "accepted")
    arrived(stage, "SELECT application_id FROM applications WHERE farmer_id = ?", farmer_id)
    assert audited(stage)


HANDED_IN = """async wanted => {
  const { sync } = await import("/tablet/outbox.js");
  const { vault } = await import("/tablet/vault.js");
  await sync();
  const rows = await (await vault()).getAll("operations");
  return rows.length === 1 && rows[0].state === wanted;
}"""


def referred(stage: Stage) -> tuple[str, str]:
    """A farmer who tries out answers until a person is to look, and that application's id."""
    for farmer_id in reversed(newcomers(stage)):
        with Kiosk(stage.page_url, stage.cards[farmer_id]) as kiosk:
            card = next(_answers(kiosk), None)
        if card is not None:
            told = "SELECT 1 FROM applications WHERE application_id = ?"
            arrived(stage, told, card["application_id"])
            return farmer_id, card["application_id"]
    raise AssertionError("expected one newcomer whom the machine leaves to a person")


def _answers(kiosk: Kiosk) -> Iterator[dict[str, Any]]:
    """Referred applications for the season's crop, until a line is open."""
    for n in range(TRIES):
        crops = [e for e in kiosk.home()["possible"] if e["product_id"] == "crop-season"]
        for crop in crops[:1]:
            card = kiosk.apply(crop, 500_000 + n * 50_000)
            if card["outcome"]["verdict"] == "refer":
                yield card


def queue_of(page: Any, stage: Stage, name: str) -> None:
    """The queue of applications before an officer, who logs in where that is asked."""
    address = f"{stage.centre_url}/console/queue?kind=application"
    page.goto(address)
    if page.locator("#password").count():
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_selector("nav")
        page.goto(address)


def approve(page: Any, pick: Any) -> None:
    """Pick, say why, and give the password once more; nobody waits for the answer."""
    pick.check()
    page.fill("#reason", "met at the field")
    page.click("button[value=approve]")
    page.fill("#step-up", PASSWORD)
    page.locator("main button[type=submit]").dispatch_event("click")


def test_an_answer_counts_once_though_the_centre_is_killed_over_it(
    stage: Stage, open_page: Any
) -> None:
    farmer_id, application_id = referred(stage)
    page = open_page(viewport={"width": 1440, "height": 900})
    queue_of(page, stage, "lender")
    row = page.locator(".waits li", has=page.locator(f"a[href*='{application_id}']"))
    approve(page, row.locator("input[name=pick]"))
    with dead_centre(stage):
        pass  # it may have heard the answer, or not
    queue_of(page, stage, "lender")
    if row.count():
        approve(page, row.locator("input[name=pick]"))
        page.wait_for_selector("#done-title")
    opened = arrived(stage, "SELECT line_id FROM lines WHERE farmer_id = ?", farmer_id)
    assert len(opened) == 1
    said = arrived(stage, "SELECT 1 FROM audit WHERE action = 'review_approved'")
    assert len(said) == 1
    assert audited(stage)
    page = open_page(viewport={"width": 820, "height": 1180})
    known(page, stage.page_url, stage.cards[farmer_id])
    until(page, LINE_IS_SHOWN)


LINE_IS_SHOWN = """async () => {
  const page = await (await fetch("/home")).text();
  return page.includes('href="/draw/');
}"""
