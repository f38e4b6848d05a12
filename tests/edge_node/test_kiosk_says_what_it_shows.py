"""A kiosk's screen says what stands on it: each clip's words are words of the page, or it is told.

In every language: what a page says aloud is on that page, in the same words, and a page that
does not say all of it says so.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

import httpx
import pytest

from core.lending.limit import Movement
from core.reasons import Reason, ReasonCode
from core.wire.consents import Access, Accesses, KnownConsent
from core.wire.records import Down, EvidenceDigest, GrowthPoint
from edge_node.faces.kiosk.said import clips_of, of_lenders, of_purpose, says, unspoken
from edge_node.faces.kiosk.voice import Voice, spoken_pieces
from edge_node.faces.kiosk.words import LANGUAGES, needed, words_in
from tests.support.kiosk import Elapsed, visiting
from tests.support.lending_station import CARDS, Station, consent, lease, status

LINE = "line-1"
UNSAID = "Not all of this is spoken in this language yet."
PAGES = (
    *("/home", "/code", "/helped", "/helpers", "/helpers/new", "/season/plot-1", "/ask"),
    *("/ask?kind=complaint", "/ask?kind=person", "/with-agent", f"/draw/{LINE}", "/agreements"),
    *("/helpers/new?relation=child", "/helpers/new?relation=child&name=Juma"),
    *(f"/draw/{LINE}?amount=100000", f"/draw/{LINE}/price?amount=100000", f"/leave/{LINE}"),
    *("/draw/no-such-line", f"/draw/{LINE}/price?amount=99999999"),
)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    found = Station(tmp_path_factory.mktemp("says"))
    found.populate()
    say = found.centre.say
    curve = (GrowthPoint("2026-04-01", 2_000), GrowthPoint("2026-04-20", 3_000))
    seen = EvidenceDigest(
        "ev-1", "ab" * 32, "plot-1", "2026-04-20", "vegetative", {"ndvi_anomaly_ppm": -200_000},
        curve=curve,
    )  # fmt: skip
    say(Down.EVIDENCE, seen, found.at_ms)
    moved = (Reason(ReasonCode.LIMIT_HARVEST_LOWER, {"kg_per_ha": "1500"}),)
    say(Down.LINE, status(LINE, 2_000_000, Movement.CUT, reasons=moved), found.at_ms)
    paper = consent("paper-1", "f-1", "form", ("satellite_images",))
    say(Down.CONSENT, KnownConsent(paper, "centre", found.at_ms, 0), found.at_ms)
    looks = (Access("2026-04-01", "supervisor", "servicing", ("identity", "money"), 2),)
    say(Down.ACCESSES, Accesses("f-1", "2026-04-01", looks), found.at_ms)
    found.centre.say_lease(lease("le-1", LINE, 1_000_000))
    found.take_down()
    found.draw(LINE, 200_000)
    yield found
    found.close()


def shown(page: str) -> str:
    """The words that a page shows, with single spaces."""
    body = re.sub(r"<(script|style|svg).*?</\1>", " ", page, flags=re.DOTALL)
    return single(html.unescape(re.sub(r"<[^>]+>", " ", body)))


def single(text: str) -> str:
    """A text with single spaces, Mongolian's narrow ones, too."""
    return " ".join(text.split())


def pieces_of(language: str) -> dict[str, str]:
    """Clip to text, of every sentence that any screen may show."""
    words = words_in(language)
    found = (spoken_pieces(message, words.say(message)) for message in needed())
    return {str(name): single(text) for pieces in found for name, text in pieces if text}


def said_on(page: str) -> list[str]:
    """The clips that a page plays by itself or at a touch, but for words of numbers."""
    lists = (
        json.loads(html.unescape(e)) for e in re.findall(r'data-(?:clips|more)="([^"]*)"', page)
    )
    names = (path.rsplit("/", 1)[1].removesuffix(".ogg") for each in lists for path in each)
    return [name for name in names if not name.startswith("w-")]


def complaints(page: str, language: str, known: dict[str, str]) -> list[str]:
    """What of a page's voice does not stand on the page, in these very words."""
    text = shown(page).casefold()
    parts = {name: known[name].strip(" .:").casefold() for name in said_on(page)}
    return [f"{name}: {part}" for name, part in parts.items() if part not in text]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_says_what_it_shows_or_says_that_it_does_not(station, language):
    known, unsaid = pieces_of(language), single(words_in(language).say(UNSAID))
    with visiting(station, Elapsed()) as client:
        page = client.post("/identify", data={"card": CARDS["f-1"], "language": language})
        csrf = re.search(r'name="csrf" value="(\w+)"', page.text)
        client.post("/language", data={"csrf": csrf[1], "language": language})
        for path in PAGES:
            page = client.get(path)
            assert complaints(page.text, language, known) == [], path
            speaks = 'id="voice"' in page.text and 'data-complete="yes"' in page.text
            assert speaks or unsaid in shown(page.text), path
            assert speaks is False or language != "mn"


@pytest.mark.parametrize("language", ["en", "hi", "sw", "zh"])
def test_the_way_to_a_line_and_to_money_is_spoken_in_full(station, language):
    with visiting(station, Elapsed()) as client:
        page = client.post("/identify", data={"card": CARDS["f-2"], "language": language})
        for path in ("/home", "/code", "/apply/crop-season", "/apply/crop-season?amount=100000"):
            assert 'data-complete="yes"' in client.get(path).text, path
        page = client.get("/apply/crop-season/consent?amount=100000")
        assert 'data-complete="yes"' in page.text
        decided = decide(client, page.text, purposes=())
        known = pieces_of(language)
        assert complaints(decided, language, known) == []
        said = {known[name] for name in said_on(decided)}
        heading = words_in(language).say("What would change it")
        assert heading in said
        assert 'data-complete="yes"' in decided
        for path in ("/ask?kind=appeal&topic=decision&about=x", "/ask"):
            assert 'data-complete="yes"' in client.get(path).text, path


def test_what_follows_without_a_use_of_data_is_said_with_it():
    known = pieces_of("en")
    said = [
        name
        for path in clips_of(Voice(), "en", of_purpose("satellite_images")).paths
        for name in [path.rsplit("/", 1)[1].removesuffix(".ogg")]
    ]
    assert " ".join(known[name] for name in said) == (
        "Satellite pictures of my plots may be used to decide. Without this your plot counts as "
        "not seen: your limit stays, later new draws wait. Nothing is due earlier."
    )


@pytest.mark.parametrize("language", ["en", "hi", "sw", "zh"])
def test_that_several_lend_is_said(language):
    assert clips_of(Voice(), language, of_lenders(("The Bank", "The Cooperative"))).complete
    assert of_lenders(()) == ()


def test_what_only_the_screen_says_leaves_no_screen_complete():
    of_goods = (says("This is the whole price"), unspoken())
    clips = clips_of(Voice(), "en", of_goods)
    assert clips.paths
    assert not clips.complete
    assert not clips_of(Voice(), "en", of_purpose("a-use-of-later-days")).complete


def test_a_page_of_which_a_part_is_only_shown_says_so(station):
    with visiting(station, Elapsed()) as client:
        client.post("/identify", data={"card": CARDS["f-1"], "language": "en"})
        page = client.get("/agreements").text  # what is used without asking is to be read
        assert 'data-complete="no"' in page
        assert UNSAID in page


def decide(client: httpx.Client, page: str, purposes: tuple[str, ...]) -> str:
    """The decision on the application of a page, with only these uses agreed to."""
    form = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    fields = {name: form[name] for name in ("csrf", "amount", "shown", "application_id", "subject")}
    return client.post("/apply/crop-season", data={**fields, "purpose": purposes}).text
