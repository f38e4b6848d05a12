"""Open flags are shown to people, in words, with how often such a flag is true."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import date

import httpx
import pytest

from core.canonical import sha256_hex
from core.wire.evidence import Anomalies, Findings, Flag, Observability
from server.app import create_app
from server.console.views.flags import WORDS
from server.services.evidence import accept_evidence
from server.store import evidence, lines
from tests.support.asgi_client import AppClient
from tests.support.centre import Served
from tests.support.centre_kit import Kit
from tests.support.console_book import PASSWORD, Book, build_book, flagged_evidence
from tests.support.pictures import claim_header, claim_of, picture

SEEN = date(2026, 7, 12)
PICTURE = picture("PNG")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    found = build_book(tmp_path_factory.mktemp("visits"), farmers=6, every_days=40)
    yield found
    found.centre.store.close()


@pytest.fixture(scope="module")
def people(book: Book) -> Iterator[httpx.Client]:
    served = Served(create_app(book.centre))
    with httpx.Client(base_url=served.url) as client:
        page = client.get("/console/login").text
        token = page.split('name="token" value="')[1].split('"')[0]
        form = {"name": "lender", "password": PASSWORD, "next": "", "token": token}
        assert client.post("/console/login", data=form).status_code == 303
        yield client
    served.close()


def flagged(book: Book, n: int, day: date, *flags: Flag) -> None:
    """Send the n-th plot's evidence with flags."""
    accept_evidence(book.centre, flagged_evidence(book, n, day, flags))


def said(client: httpx.Client, path: str) -> str:
    answer = client.get(f"/console{path}")
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def test_flags_are_listed_shown_with_their_line_and_gone_with_newer_evidence(
    book: Book, people: httpx.Client
):
    assert "No flag is open." in said(people, "/visits")
    facts = {"declared_ha": "0.95", "cropped_ha_at_most": "0.77"}
    wide = Flag("boundary_exaggerated", "2026-07-10", 136_000, 1_800, facts, sha256_hex(PICTURE))
    staged = Flag("staged_loss", "2026-07-10", 6_500, 1_800, {"what": "fell alone"})
    flagged(book, 1, SEEN, staged, wide)
    page = said(people, "/visits")
    assert "2 open flags" in page
    assert page.index(WORDS["boundary_exaggerated"]) < page.index(WORDS["staged_loss"])
    assert "Of 100 such flags about 14 are true" in page
    assert "Of 100 such flags fewer than 1 are true" in page
    assert "declared, ha 0.95" in page
    assert "/console/pictures/" not in page  # it has not come
    header = claim_header(claim_of(PICTURE, "image/png"), book.satellite)
    path = f"/api/v1/blobs/{sha256_hex(PICTURE)}"
    client = AppClient(create_app(book.centre))
    assert client.request("PUT", path, content=PICTURE, headers=header).status_code == 201
    assert f"/console/pictures/{sha256_hex(PICTURE)}" in said(people, "/visits")
    with book.centre.store.reading() as tx:
        line = next(one for one in lines.every(tx) if "plot-001" in one.subject_ids)
        assert evidence.flagged(tx, 10) == (("plot-001", f"flagged-1-{SEEN}"),)
    assert "An officer should visit" in said(people, f"/lines/{line.line_id}")
    flagged(book, 1, date(2026, 7, 13))
    assert "No flag is open." in said(people, "/visits")
    assert "An officer should visit" not in said(people, f"/lines/{line.line_id}")


def test_flags_of_the_newest_evidence_are_found_on_both_databases(kit: Kit):
    seen = Observability(9, 800_000, 10, 4_000, 30)
    staged = Flag("staged_loss", "2026-03-10", 6_500, 1_800, {"what": "fell alone"})
    some, none = (Findings(seen, Anomalies(), flags=flags) for flags in ((staged,), ()))
    sent = (
        ("plot-a1", date(2026, 3, 10), some), ("plot-a2", date(2026, 3, 10), some),
        ("plot-b1", date(2026, 3, 10), none), ("plot-a1", date(2026, 3, 12), none),
    )  # fmt: skip
    for k, (plot_id, day, findings) in enumerate(sent):
        document = kit.evidence(plot_id, day, findings=findings, evidence_id=f"seen-{k}")
        accept_evidence(kit.centre, document)
    assert kit.read(evidence.flagged, 10) == (("plot-a2", "seen-1"),)
    accept_evidence(
        kit.centre,
        kit.evidence("plot-b1", date(2026, 3, 14), findings=some, evidence_id="seen-4"),
    )
    assert kit.read(evidence.flagged, 10) == (("plot-a2", "seen-1"), ("plot-b1", "seen-4"))
    assert kit.read(evidence.flagged, 1) == (("plot-a2", "seen-1"),)


def test_a_code_that_is_not_known_yet_is_shown_all_the_same(book: Book, people: httpx.Client):
    flagged(book, 2, SEEN, Flag("new_code", "2026-07-10", 5_000, 1_800, {"odd_fact": "7"}))
    page = said(people, "/visits")
    assert "Something does not fit (new_code)." in page
    assert "odd fact 7" in page


def test_visits_are_for_those_who_logged_in(book: Book):
    answer = AppClient(create_app(book.centre)).get("/console/visits")
    assert answer.status_code == 303
