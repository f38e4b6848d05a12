"""A second factor from its first code to its end, in a browser, as people go about it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from server import one_time
from server.services import enrolment
from server.store.people import Actor, Role
from tests.support.console_book import PASSWORD, new_book
from tests.support.factor_door import Door, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@pytest.fixture
def door(tmp_path) -> Iterator[Door]:
    book = new_book(tmp_path)
    for name, role in (("lena", Role.LENDER), ("anna", Role.SUPERVISOR), ("ben", Role.SUPERVISOR)):
        enrolment.add_user(book.centre, name, PASSWORD, role, Actor("root", "operator"))
    with opened(book) as found:
        yield found
    book.centre.store.close()


@pytest.fixture
def come(browser: Browser, door: Door) -> Iterator[Callable[[str], Page]]:
    """How somebody gives their name and password in a browser of their own, at a phone's width."""
    complaints: list[str] = []
    contexts = []

    def enter(name: str) -> Page:
        contexts.append(browser.new_context(viewport={"width": 390, "height": 844}))
        page: Page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{door.served.url}/console/login")
        by_password(page, name)
        return page

    yield enter
    for each in contexts:
        each.close()
    assert complaints == []


def by_password(page: Page, name: str) -> None:
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")


def by_code(page: Page, code: str) -> None:
    page.fill("#code", code)
    page.click("main button[type=submit]")


def out_and_at_the_code(page: Page, name: str = "lena") -> None:
    page.click("form[action$='/logout'] button")
    by_password(page, name)
    page.wait_for_selector("#code")


def enrolled(door: Door, page: Page) -> tuple[bytes, list[str]]:
    """Follow Today's word to the end; the secret that the page shows, and its recovery codes."""
    page.click("text=Set up your second factor")
    page.click("text=Set it up")
    page.fill("#step-up", PASSWORD)
    page.click("text=Go on")
    page.wait_for_selector("#qr svg path")
    address = page.get_attribute("#qr", "data-address") or ""
    typed = page.inner_text(".factor-secret").replace(" ", "")
    assert address.startswith("otpauth://totp/")
    assert f"secret={typed}" in address, "what is read and what is typed are one secret"
    secret = base64.b32decode(typed)
    by_code(page, one_time.code_at(secret, door.step))
    page.wait_for_selector("ol.codes")
    return secret, page.locator("ol.codes code").all_inner_texts()


def test_a_phone_lets_in_a_recovery_code_does_and_two_end_it(door: Door, come):
    lena = come("lena")
    secret, spare = enrolled(door, lena)
    assert len(set(spare)) == 10
    lena.click("text=I have written them down")
    assert "Set up your second factor" not in lena.content()
    lena.goto(f"{door.served.url}/console/me/second-factor")
    assert lena.locator(".factor-secret, ol.codes").count() == 0, "shown once"
    out_and_at_the_code(lena)
    by_code(lena, "000000")
    assert "That code does not count" in lena.inner_text("[role=alert]")
    by_code(lena, one_time.code_at(secret, door.step))
    assert lena.locator("[role=alert]").count() == 1, "the code that confirmed it counts no more"
    door.later()
    by_code(lena, one_time.code_at(secret, door.step))
    lena.wait_for_selector("#need-words, #all-well, .needs")
    out_and_at_the_code(lena)
    by_code(lena, spare[0])
    lena.goto(f"{door.served.url}/console/me/second-factor")
    assert "9 recovery codes are left" in lena.inner_text("main")
    end_by_two(come("anna"), come("ben"), lena)
    assert lena.goto(f"{door.served.url}/console/queue").url.partition("?")[0].endswith("/login")
    by_password(lena, "lena")
    lena.wait_for_url("**/console/queue")


def end_by_two(anna: Page, ben: Page, lena: Page) -> None:
    """One supervisor tells that the phone is lost, another confirms; between them nothing ends."""
    url = anna.url
    anna.goto(f"{url}users")
    anna.click("summary:has-text('lena')")
    anna.click("text=Phone lost: end the second factor")
    anna.fill("#step-up", PASSWORD)
    anna.click("text=Go on")
    assert "waits in the queue" in anna.inner_text("main")
    assert (lena.reload()).ok
    ben.goto(f"{url}queue?kind=word")
    assert "The second factor of lena ends" in ben.inner_text("main")
    ben.check("input[name=pick]")
    ben.fill("input[name=reason], textarea[name=reason]", "spoke to her")
    ben.click("button[value=approve]")
    ben.fill("#step-up", PASSWORD)
    ben.click("text=Go on")
    assert "1 of 1 answered" in ben.inner_text("main")
