"""Every sentence on every screen of the kiosk is heard, or the screen says that it is not.

Each screen is taken in each language, in the states that it has. A sentence of the catalogue
that stands on it must have its clips among those that the screen plays by itself or when *Hear
it* is touched. What is to be read, and why, is listed here: names and numbers are data.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from core.lending.limit import Movement
from core.lending.ordering import OrderStatus
from core.lending.relief import Relief
from core.reasons import Reason, ReasonCode
from core.wire.appeals import AppealAnswer, AppealOutcome
from core.wire.envelope import LogClass
from core.wire.orders import OrderItem, OrderOffer, Received
from core.wire.records import Down, EvidenceDigest, GrowthPoint, Up
from edge_node.faces.kiosk.voice import Parameter, spoken_pieces
from edge_node.faces.kiosk.words import LANGUAGES, MONTHS, needed, words_in
from edge_node.store import logs
from edge_node.store.notices import begin
from tests.support.cash_examples import PLAN
from tests.support.forms import Forms
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, lease, maize, monthly, status

LINE = "line-1"
SPOKEN = [language for language in LANGUAGES if language != "mn"]  # has no voice of the release
UNSAID = "Not all of this is spoken in this language yet."
# To be read, and not spoken: a button's and a link's label (an icon stands on it, and the
# question above says what it answers), a table's heads (the rows are said in their order), the
# stages that are not the field's own, a drawing's key, what is typed by who can read; days.
NO_SENTENCES = {*MONTHS, "From"}  # Hindi writes "From", a table's head, as the end of other words
LABELS = {"a", "button", "th", "summary", "label", "header", "nav", "script", "style", "svg"}
LABEL_CLASSES = {"voice", "stages", "keys", "notes", "camera"}
VOID = {"meta", "link", "input", "img", "br", "path", "rect", "circle", "use", "col"}
# Screens on which some sentence is not recorded, each for its reason; no other may say so.
NOT_ALL: dict[str, str] = {
    "/agreements": "lists of what is used, by whom: some sixty sentences, most seen by few",
    "order": "the names of goods",
    "delivery": "the names of goods",
    "coming": "a number that who stands behind the farmer must not hear",
    "answered": "a person's own words",
}
Shots = dict[str, str]
GOODS = [{"goods": "seed", "minor_per_ha": 2_000_000, "source": "test"}]
VOUCHER = {
    "suppliers": ["agrovet", "other-agrovet"], "buyers": ["miller"], "deliver_days_max": 21,
    "goods": [*GOODS, {"goods": "feed", "minor_per_ha": 2_000_000, "source": "test"}],
    "sale_repay_ppm": 700_000,
}  # fmt: skip


class Sentences(HTMLParser):
    """The texts of a page that are sentences to be heard."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._stack: list[tuple[str, bool]] = [("", True)]
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        found = {name: value or "" for name, value in attrs}
        classes = set(found.get("class", "").split())
        label = tag in LABELS and not (tag == "label" and "tick" in classes)
        hidden = "aria-hidden" in found or "hidden" in found
        if "choose" in classes:  # what a question may be answered with is a part of it
            label = hidden = False
        within = self._stack[-1][1] or self._chosen(tag)
        heard = within and not hidden and not classes & LABEL_CLASSES
        self._stack.append((tag + "." + "choose" * ("choose" in classes), heard and not (
            label and not self._chosen(tag)
        )))  # fmt: skip

    def _chosen(self, tag: str) -> bool:
        within = any(name.endswith(".choose") for name, _ in self._stack)
        return within and tag in {"a", "button", "span"}

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID and len(self._stack) > 1:
            self._stack.pop()

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and self._stack[-1][1] and len(self._stack) > 3:
            self.texts.append(text)


@cache
def patterns(language: str) -> list[tuple[str, re.Pattern[str]]]:
    """Every sentence of the catalogue as it may stand on a screen, the longest first."""
    words = words_in(language)
    texts = {message: " ".join(words.say(message).split()) for message in needed()}
    letters = {m: sum(c.isalpha() for c in re.sub(r"{\w+}", "", t)) for m, t in texts.items()}
    ordered = sorted(
        (m for m in texts if letters[m] and m not in NO_SENTENCES),
        key=lambda m: (-letters[m], -len(texts[m])),
    )
    return [(m, re.compile(_pattern(texts[m]))) for m in ordered]


def _pattern(text: str) -> str:
    parts = re.split(r"({\w+})", text)
    body = "".join(".+?" if part.startswith("{") else re.escape(part) for part in parts)
    return rf"(?<!\w){body}$" if text.endswith("}") else rf"(?<!\w){body}(?!\w)"


def shown_on(page: str, language: str) -> list[str]:
    """The sentences that stand on a page, by their messages."""
    found = []
    for text in Sentences(page).texts:
        left = text
        for message, pattern in patterns(language):
            while (at := pattern.search(left)) is not None:
                found.append(message)
                left = left[: at.start()] + "\n" + left[at.end() :]
    return found


def said_on(page: str) -> set[str]:
    """The clips that a page plays, by itself or at a touch."""
    lists = re.findall(r'data-(?:clips|more)="([^"]*)"', page)
    paths = (path for each in lists for path in json.loads(html.unescape(each)))
    return {path.rsplit("/", 1)[1].removesuffix(".ogg") for path in paths}


def unheard(page: str, language: str) -> list[str]:
    """Sentences that stand on a page and are not among what it says."""
    said, words = said_on(page), words_in(language)
    heard = {words.say(m) for m in needed() if clips_of_sentence(m, language) <= said}
    shown = dict.fromkeys(shown_on(page, language))
    return [m for m in shown if m != UNSAID and words.say(m) not in heard]


@cache
def clips_of_sentence(message: str, language: str) -> frozenset[str]:
    """The clips of a sentence, but for what stands in its parameters."""
    pieces = spoken_pieces(message, words_in(language).say(message))
    return frozenset(str(name) for name, text in pieces if text and not isinstance(name, Parameter))


def tells(page: str, language: str) -> bool:
    """Whether a page says that not all of it is spoken."""
    return words_in(language).say(UNSAID) in html.unescape(page)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    found = Station(tmp_path)
    found.populate()
    yield found
    found.close()


def open_line(station: Station) -> None:
    """A line that was cut, of a field that was seen, with a debt."""
    curve = (GrowthPoint("2026-04-01", 2_000), GrowthPoint("2026-04-20", 3_000))
    seen = EvidenceDigest(
        "ev-1", "ab" * 32, "plot-1", "2026-04-20", "vegetative", {"ndvi_anomaly_ppm": -200_000},
        curve=curve,
    )  # fmt: skip
    station.centre.say(Down.EVIDENCE, seen, station.at_ms)
    for limit_minor, movement in ((2_200_000, Movement.OPENED), (2_000_000, Movement.CUT)):
        moved = (Reason(ReasonCode.LIMIT_HARVEST_LOWER, {"kg_per_ha": "1500"}),)
        told = status(LINE, limit_minor, movement, reasons=moved)
        station.centre.say(Down.LINE, told, station.at_ms)
    station.centre.say_lease(lease("le-1", LINE, 1_000_000))
    station.take_down()
    station.draw(LINE, 200_000)


def entered(client: httpx.Client, language: str, farmer: str = "f-1") -> str:
    page = client.post("/identify", data={"card": CARDS[farmer], "language": language})
    return page.text


def sent(client: httpx.Client, page: str, action: str, **more: str | tuple[str, ...]) -> str:
    fields = Forms(client.get(page).text).fields[action]
    return client.post(action, data={**fields, **more}).text


def at_the_door(client: httpx.Client, station: Station, language: str) -> Shots:
    """Before anybody is known, and pictures of a card."""
    shots = {path: client.get(f"{path}lang={language}").text for path in ("/?", "/?unknown=1&")}
    shots["/verify"] = client.get(f"/verify?lang={language}").text
    false = client.post("/verify", data={"code": "no receipt", "language": language})
    shots["/verify, false"] = false.text
    entered(client, language, "f-3")
    chosen = client.get("/code").text
    for step in (*("cow",) * 4, *("cow", "tree", "star", "pot") * 2):
        fields = Forms(chosen).fields["/code"]
        chosen = client.post("/code", data={**fields, "add": step}).text
        shots[f"/code, {len(shots)} {step}"] = chosen
    client.post("/leave")
    shots["/known"] = entered(client, language, "f-3")
    known = shots["/known"]
    for attempt in range(3):
        for step in ("hen", "fish", "hoe", "moon"):
            if "/known" not in Forms(known).fields:
                break
            fields = Forms(known).fields["/known"]
            known = client.post("/known", data={**fields, "add": step}).text
            shots[f"/known, {attempt} {step}"] = known
    for path in ("/with-agent", "/with-agent?unknown=1"):
        shots[path] = client.get(path).text
    return shots


def about_a_line(client: httpx.Client, station: Station, language: str) -> Shots:
    """A farmer who owes: the season, a draw to its receipts, the way out, questions, helpers."""
    open_line(station)
    shots = {"/home, entered": entered(client, language)}
    paths = (
        *("/home", "/code", "/helped", "/helpers", "/helpers/new", "/season/plot-1", "/ask"),
        *("/ask?kind=complaint", "/ask?kind=person", "/ask?kind=complaint&topic=price"),
        *(f"/draw/{LINE}", f"/draw/{LINE}?amount=100000", f"/draw/{LINE}/price?amount=100000"),
        *("/helpers/new?relation=child", "/helpers/new?relation=child&name=Juma"),
        *("/home?chosen=1", "/agreements", f"/leave/{LINE}", "/draw/no-such-line"),
        f"/draw/{LINE}/price?amount=99999999",
    )
    shots |= {path: client.get(path).text for path in paths}
    price = f"/draw/{LINE}/price?amount=100000"
    for word in ("no", "yes"):
        shots["payout"] = sent(client, price, f"/draw/{LINE}")
        [(action, fields)] = [
            each for each in Forms(shots["payout"]).fields.items() if "/payout/" in each[0]
        ]
        shots[f"receipt, {word}"] = client.post(action, data={**fields, "confirmed": word}).text
    shots["asked"] = sent(client, "/ask?kind=complaint&topic=price", "/ask")
    shots["/ask, asked"] = client.get("/ask").text
    run = logs.read_run(station.db, LogClass.MONEY, 0, 1_000, 10**9)
    [asked] = [each.body for each in run if each.kind == Up.APPEAL.value]
    answer = AppealAnswer(
        asked["appeal_id"], "f-1", AppealOutcome.EXPLAINED, "2026-04-05", "wanjiru", "So it is.",
    )  # fmt: skip
    station.centre.say(Down.APPEAL_ANSWER, answer, station.at_ms)
    station.take_down()
    shots["/home, answered"] = client.get("/home").text
    shots["answered"] = client.get("/ask").text
    return shots


def to_a_decision(client: httpx.Client, station: Station, language: str) -> Shots:
    """A first line asked for, with and without what decides; an offer that is not wanted."""
    shots = {"/home, new": entered(client, language, "f-2")}
    for path in ("/apply/crop-season", "/apply/crop-season?amount=100000"):
        shots[path] = client.get(path).text
    consent = "/apply/crop-season/consent?amount=100000"
    shots[consent] = client.get(consent).text
    shots["decision, referred"] = sent(client, consent, "/apply/crop-season", purpose=())
    shots["/home, refused"] = client.get("/home").text
    purposes = tuple(re.findall(r'name="purpose" value="(\w+)"', shots[consent]))
    shots["decision"] = sent(client, consent, "/apply/crop-season", purpose=purposes)
    shots["/home, decided"] = client.get("/home").text
    return shots


def to_an_end(client: httpx.Client, station: Station, language: str) -> Shots:
    """An offer that is not wanted, then an agreement that is left while it cools."""
    cools = {"agreement": {"cooling_off_days": 14, "withdrawn_repay_days": 30}}
    station.centre.say(Down.PRODUCT, maize(version=2, **cools), station.at_ms)
    for n in (1, 2):
        told = status(f"line-{n}", 2_000_000, Movement.OPENED, farmer_id=f"f-{n}")
        station.centre.say(Down.LINE, told, station.at_ms)
        station.centre.say_lease(lease(f"le-{n}", f"line-{n}", 1_000_000))
    station.take_down()
    station.draw("line-2", 400_000)
    shots: Shots = {}
    for n in (1, 2):
        path = f"/leave/line-{n}"
        entered(client, language, f"f-{n}")
        shots[f"leave, {n}"] = client.get(path).text
        shots[f"left, {n}"] = sent(client, path, path)
        shots[f"/home, left {n}"] = client.get("/home").text
        client.post("/leave")
    return shots


def of_goods(client: httpx.Client, station: Station, language: str) -> Shots:
    """A voucher and a supplier's order: offered, on its way, reported."""
    say = station.centre.say
    say(Down.PRODUCT, maize(version=2, kind="voucher", voucher=VOUCHER), station.at_ms)
    say(Down.LINE, status(LINE, 2_000_000, Movement.OPENED), station.at_ms)
    station.centre.say_lease(lease("le-1", LINE, 1_000_000))
    items = (OrderItem("DAP-50", "DAP, 50 kg", "seed", 1, "bag", 123_450),)
    offer = OrderOffer(
        "o-1", LINE, "f-1", "agrovet", "Agrovet", "KES", 123_450, items, "2026-04-20",
        "2026-04-15", OrderStatus.OFFERED,
    )  # fmt: skip
    say(Down.ORDER, offer, station.at_ms)
    station.take_down()
    shots = {"/home, offered": entered(client, language)}
    paths = (
        f"/draw/{LINE}/price?amount=100000", f"/draw/{LINE}/price?amount=100000&supplier=agrovet",
        f"/draw/{LINE}/price?amount=100000&supplier=agrovet&goods=seed",
    )  # fmt: skip
    shots |= {path: client.get(path).text for path in paths}
    shots["voucher's payout"] = sent(client, paths[-1], f"/draw/{LINE}")
    client.post("/leave")
    entered(client, language)
    shots["order"] = client.get("/order/o-1").text
    shots["goods' receipt"] = sent(client, "/order/o-1", "/order/o-1")
    shots["coming"] = client.get("/order/o-1").text
    shots["/home, coming"] = client.get("/home").text
    came = (Received("DAP-50", 1),)
    reported = replace(offer, state=OrderStatus.DELIVERING, delivery_no=1, reported=came)
    say(Down.ORDER, reported, station.at_ms)
    station.take_down()
    shots["delivery"] = client.get("/order/o-1").text
    shots["/home, reported"] = client.get("/home").text
    return shots


def of_own_months(client: httpx.Client, station: Station, language: str) -> Shots:
    """Months with money: chosen, refused, consented to, and a draw that is paid back in them."""
    own = {"months_max": 2, "share_ppm_min": 100_000, "early_months_max": 1}
    station.centre.say(Down.PRODUCT, maize(version=2, own_cash=own), station.at_ms)
    station.take_down()
    entered(client, language, "f-3")
    apply, shots = "/apply/crop-season", Shots()
    consent = f"{apply}/consent?amount=100000&cash=6&cash=8"
    months = ("", "&touch=6", "&cash=6&touch=12", "&cash=6&cash=8", "&cash=6&cash=8&touch=7")
    for path in (*(f"{apply}/months?amount=100000{each}" for each in months), consent):
        shots[path] = client.get(path).text
    purposes = tuple(re.findall(r'name="purpose" value="(\w+)"', shots[consent]))
    shots["decision"] = sent(client, consent, apply, purpose=purposes, cash=("6", "8"))
    line_id = re.findall(r'href="/draw/([^"]+)"', shots["decision"])[0]
    price = f"/draw/{line_id}/price?amount=100000"
    shots[price] = client.get(price).text
    shots["payout"] = sent(client, price, f"/draw/{line_id}")
    [action] = [each for each in Forms(shots["payout"]).fields if "/payout/" in each]
    fields = Forms(shots["payout"]).fields[action]
    shots["receipt"] = client.post(action, data={**fields, "confirmed": "yes"}).text
    return shots


def of_hard_times(client: httpx.Client, station: Station, language: str) -> Shots:
    """A harvest that was lost, a plan proposed anew, and three warnings."""
    relief = Relief("2026-04-01", "2026-09-15", 24, 12, 410_000)
    facts = replace(monthly(("d-1", "2026-04-01", 600_000)), relief=relief)
    told = status(
        LINE, 2_000_000, Movement.CUT, principal_minor=600_000, facts=facts, due_on="2028-09-15"
    )
    station.centre.say(Down.LINE, told, station.at_ms)
    plan = replace(PLAN, line_id=LINE, until_on="2026-04-20")
    station.centre.say(Down.NEW_PLAN, plan, station.at_ms)
    station.take_down()
    warned(station)
    shots = {"/home, hard": entered(client, language), "plan": client.get(f"/plan/{LINE}").text}
    shots["plan, agreed"] = sent(client, f"/plan/{LINE}", f"/plan/{LINE}")
    shots["/home, agreed"] = client.get("/home").text
    return shots


WALKS: tuple[Callable[[httpx.Client, Station, str], Shots], ...] = (
    at_the_door, about_a_line, to_a_decision, to_an_end, of_goods, of_own_months, of_hard_times,
)  # fmt: skip


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)
@pytest.mark.parametrize("language", SPOKEN)
def test_every_sentence_is_heard_or_said_not_to_be(station, language, walk):
    with visiting(station, Elapsed()) as client:
        shots = walk(client, station, language)
    missing = {
        name: found
        for name, page in shots.items()
        if (found := unheard(page, language)) and not tells(page, language)
    }
    assert missing == {}
    telling = {name for name, page in shots.items() if tells(page, language)}
    assert telling <= NOT_ALL.keys(), "a screen that could be heard whole says that it is not"


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.__name__)
def test_without_a_voice_every_screen_says_so(station, walk):
    with visiting(station, Elapsed()) as client:
        shots = walk(client, station, "mn")
    assert [name for name, page in shots.items() if not tells(page, "mn")] == []


@pytest.mark.parametrize("walk", WALKS[1:], ids=lambda walk: walk.__name__)
def test_what_a_yes_rests_on_is_said_without_a_touch(station, walk):
    """A consent is marked as heard when the screen has said all; nothing waits for a touch."""
    with visiting(station, Elapsed()) as client:
        shots = walk(client, station, "en")
    asking = {name: page for name, page in shots.items() if 'name="spoken"' in page}
    assert asking or walk is of_goods
    for name, page in asking.items():
        assert 'data-more="[]"' in page, name


def test_a_sentence_that_is_not_said_is_found():
    page = "<html><body><main><p>Shall the till pay you now?</p><button>Back</button></main></body>"
    assert unheard(page, "en") == ["Shall the till pay you now?"]
    [(name, _)] = spoken_pieces("Shall the till pay you now?", "Shall the till pay you now?")
    said = f'<main data-clips="[&#34;/voice/en/{name}.ogg&#34;]">'
    assert unheard(page.replace("<main>", said), "en") == []


def warned(station: Station) -> None:
    """Every warning that a farmer is shown."""
    told = (
        ("dry_soil", "plot-1", {"name": "Field 1", "days": "5"}),
        ("fever_like", "herd-1", {"name": "Cows", "percent": "40"}),
        ("damp_grain", "store-1", {"name": "Store", "moisture": "15.5", "safe": "13.5"}),
    )
    days = ("2026-03-29", "2026-03-31")
    for kind, about, params in told:
        told_to = {**params, "subject": "plot-1"}
        begin(station.db, (kind, about), days, (told_to, ()), station.at_ms)
