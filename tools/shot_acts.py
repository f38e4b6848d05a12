"""What a season alone does not show, done by the product's own commands and pages.

Beside the model in use one is on its way to the station, one is proposed and one of trees
challenges; one version of a product is a candidate, another was approved by two; a farmer has
three suppliers' orders: one that is offered, one whose goods are to come, one that was brought.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from tools.catalogues import REPOSITORY
from tools.shot_demo import Demonstration

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MADE = "shots-made.json"  # in the demonstration's folder: which parts were done
PRODUCTS = REPOSITORY / "server" / "products"
STATION, SECOND = "station-1", "second"
CANDIDATE = "input-voucher"  # the product of which a version is a candidate, and which pays orders
SUPPLIER, SUPPLIER_NAME = "migori-agrovet", "Migori Agrovet"
ANSWER_S_MAX = 60.0  # for a word to travel between centre and station
_LOOK_S = 0.5
_UNDO_MS = 20_000  # a touch at the kiosk counts when it can be undone no more


@dataclass(frozen=True, slots=True)
class Made:
    """Whose card shows orders at the kiosk, and each order by what is shown of it."""

    card: str
    orders: dict[str, str]


def made(browser: Browser, demo: Demonstration) -> Made:
    """All of it, each part once a demonstration."""
    kept = demo.folder / MADE
    done: dict[str, Any] = json.loads(kept.read_bytes()) if kept.exists() else {}
    for name, part in (("models", _models), ("policies", _policies), ("orders", _orders)):
        if name not in done:
            done[name] = part(browser, demo)
            kept.write_text(json.dumps(done), encoding="utf-8")
    return Made(**done["orders"])


def _models(_: Browser, demo: Demonstration) -> None:
    """Three models beside the one in use, which was the first."""
    for version in ("2", "3"):
        demo.centre("model", "add", _trained(demo, "train", f"compact-model-{version}", version))
        demo.officer("lender", "model", "challenge", version)
        demo.centre("model", "compare", version)
        demo.officer("lender", "model", "propose", version, "--words", "ranks as well, newer data")
    demo.officer("supervisor", "model", "approve", "2")
    demo.officer("supervisor", "model", "stage", "2", "--station", STATION)
    trees = _trained(demo, "train-trees", "trees", "4")
    sha256 = str(json.loads(demo.centre("model", "add-trees", trees, "--json"))["sha256"])
    demo.officer("lender", "model", "challenge", sha256)
    demo.centre("model", "compare", sha256)


def _trained(demo: Demonstration, command: str, name: str, version: str) -> str:
    """The file of a model from the village's loans; one that is there is taken as it is."""
    out = demo.folder / f"{name}.json"
    if not out.exists():
        loans = ("--loans", str(demo.folder / "village" / "loans.csv"), "--out", str(out))
        how = ("--version", version, "--seed", version, "--valid-from", demo.today)
        demo.command("harvestline-server", command, *loans, *how)
    return str(out)


def _policies(browser: Browser, demo: Demonstration) -> None:
    """Versions that lend less and look sooner: one approved by two, one asked for, one neither."""
    changes = {
        "livestock": (("limit_max_minor", "18_000_000"), ("stale_days_max", "40")),
        "crop-season": (("limit_max_minor", "12_000_000"), ("fresh_days_max", "15")),
        CANDIDATE: (("limit_max_minor", "9_000_000"), ("fee_ppm", "12_000")),
    }
    demo.centre("product", "add", str(PRODUCTS / f"{CANDIDATE}.toml"))
    for name, changed in changes.items():
        written = demo.folder / f"{name}-newer.toml"
        written.write_text(revised(PRODUCTS / f"{name}.toml", changed), encoding="utf-8")
        demo.centre("product", "propose", str(written))
    password = demo.password_file(SECOND)
    password.touch(mode=0o600)
    password.write_text(demo.passwords["supervisor"][::-1], encoding="utf-8")
    who = ("--role", "supervisor", "--password-file", str(password))
    demo.centre("user", "add", SECOND, *who)
    page = browser.new_context().new_page()
    page.goto(f"{demo.console}/console/login")
    logged_in(page, demo, "supervisor")
    for name in ("livestock", "crop-season"):
        page.goto(f"{demo.console}/console/policies")
        ask_for(page, name)
        if page.locator("#step-up").count():
            page.fill("#step-up", demo.passwords["supervisor"])
            page.click("main button[type=submit]")
        page.wait_for_url("**/queue?kind=word")
    page.context.close()
    words = json.loads(demo.centre("word", "list", "--json"))["words"]
    first = next(each for each in words if each["word"]["subject_id"].startswith("livestock"))
    demo.officer(SECOND, "word", "confirm", str(first["word"]["word_id"]))


def revised(product: Path, changed: tuple[tuple[str, str], ...]) -> str:
    """A product's file as its next version, with other values in some of its fields."""
    text = product.read_text(encoding="utf-8")
    version = int(re.findall(r"(?m)^version = (\d+)", text)[0]) + 1
    for name, value in (("version", f"{version}"), *changed):
        text = re.sub(rf"(?m)^{name} = \S+", f"{name} = {value}", text, count=1)
    return text


def ask_for(page: Page, product_id: str) -> None:
    """Ask a second person for a candidate, on the page of policies; a password may be wanted."""
    form = page.locator(f"form:has(input[name=policy][value^='{product_id}'])")
    form.locator("input[name=reason]").fill("the drought showed that less is safer")
    form.locator("button[value=tell]").click()
    page.wait_for_load_state()


def logged_in(page: Page, demo: Demonstration, username: str) -> None:
    """An officer, at the console's door."""
    page.fill("form input:not([type=hidden], [type=password])", username)
    page.fill("input[type=password]", demo.passwords[username])
    page.click("button[type=submit]")
    page.wait_for_load_state()


def _orders(browser: Browser, demo: Demonstration) -> dict[str, Any]:
    """A voucher's line, and three orders on it in three states."""
    demo.centre("partner", "add", SUPPLIER, "--kind", "supplier", "--name", SUPPLIER_NAME)
    token = demo.folder / "secrets" / "supplier.token"
    who = ("--role", "supplier", "--for", SUPPLIER, "--out", str(token))
    demo.centre("token", "add", "agrovet", *who)
    opened = json.loads(
        demo.centre("open-lines", "--product", CANDIDATE, "--from-dossiers", "--json")
    )["lines"]
    cards = json.loads((demo.folder / "secrets" / "cards.json").read_bytes())
    tokens = {str(row["farmer_id"]): str(row["token"]) for row in cards}
    line = next(each for each in opened if each["line_id"] and each["farmer_id"] in tokens)
    bearer = {"Authorization": f"Bearer {token.read_text(encoding='utf-8').strip()}"}
    with httpx.Client(base_url=f"{demo.console}/api/v1", headers=bearer, timeout=30) as supplier:
        orders = {
            name: _answered(supplier, "/orders", _order(demo, line["line_id"], name, *goods))
            for name, goods in _GOODS.items()
        }
        found = {name: str(told["order_id"]) for name, told in orders.items()}
        page = browser.new_context().new_page()
        at_the_kiosk(page, demo, tokens[line["farmer_id"]])
        for name in ("coming", "brought"):
            _agree(page, f"{demo.kiosk}/order/{found[name]}")
        code, name, _, count, _ = _GOODS["brought"]
        brought = {"reference": "d-1", "delivered_on": demo.today,
                   "units": [{"code": code, "quantity": count}]}  # fmt: skip
        _answered(supplier, f"/orders/{found['brought']}/deliveries", brought)
        asked = "form:has([name=delivery]) button[value=received]"
        _shown(page, f"{demo.kiosk}/order/{found['brought']}", asked)
        page.context.close()
    return asdict(Made(tokens[line["farmer_id"]], found))


# By what is shown of an order: code, name, goods, how many, price of each [minor units].
_GOODS = {
    "offered": ("CAN-50", "CAN fertiliser, 50 kg", "fertiliser", 1, 120_000),
    "coming": ("DK-8031", "Maize DK 8031, 2 kg", "seed", 2, 60_000),
    "brought": ("DAP-10", "DAP fertiliser, 10 kg", "fertiliser", 1, 70_000),
}


def _order(
    demo: Demonstration, line_id: str, reference: str, code: str, *about: Any
) -> dict[str, Any]:
    name, goods, quantity, price_minor = about
    item = {"code": code, "name": name, "goods": goods, "quantity": quantity, "unit": "bag",
            "unit_price_minor": price_minor}  # fmt: skip
    by = date.fromisoformat(demo.today) + timedelta(days=10)
    return {
        "reference": reference, "line_id": line_id, "currency": "KES", "items": [item],
        "total_minor": quantity * price_minor, "deliver_by": by.isoformat(),
    }  # fmt: skip


def _answered(supplier: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the centre says to a supplier, once what it rests on has come from the station."""
    until_s = time.monotonic() + ANSWER_S_MAX
    while True:
        answer = supplier.post(path, json=body)
        if answer.is_success:
            found: dict[str, Any] = answer.json()
            return found
        if time.monotonic() > until_s:
            raise AssertionError(f"expected {path} to be taken, got: {answer.text[:400]}")
        time.sleep(_LOOK_S)


def at_the_kiosk(page: Page, demo: Demonstration, card: str) -> None:
    """A farmer, with their card."""
    page.goto(f"{demo.kiosk}/?lang=en")
    page.fill("#card", card)
    page.press("#card", "Enter")
    page.wait_for_url(lambda url: url.rstrip("/") != demo.kiosk and "?lang=" not in url)


def _agree(page: Page, url: str) -> None:
    """Say yes to an order's goods and price, and wait until it counts."""
    _shown(page, url, "form [name=draw_id]")
    page.locator("form:has([name=draw_id]) button.primary").click()
    page.wait_for_url("**/receipt/**", timeout=_UNDO_MS)


def _shown(page: Page, url: str, wanted: str) -> None:
    """Look at a page until it has what is wanted."""
    until_s = time.monotonic() + ANSWER_S_MAX
    while time.monotonic() < until_s:
        page.goto(url)
        if page.locator(wanted).count():
            return
        time.sleep(_LOOK_S)
    raise AssertionError(f"expected {wanted} at {url}, got: {page.inner_text('main')[:300]}")
