"""The console's door over HTTP, and the phone of whoever comes in by a second factor."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

import httpx

from server import one_time
from server.app import create_app
from server.services.centre import Centre
from tests.support.centre import Served
from tests.support.console_book import PASSWORD

OWN = "/me/second-factor"
PHONE_MS = 1_900_000_000_000  # a phone follows the machine's clock, not a demonstration's


class HasCentre(Protocol):
    """Whoever holds a centre: a kit or a book."""

    centre: Centre


class Door:
    """The console over HTTP, on a machine whose own clock the test moves."""

    def __init__(self, kit: HasCentre) -> None:
        self.kit, self.machine_ms = kit, PHONE_MS
        kit.centre = replace(kit.centre, machine_ms=lambda: self.machine_ms)
        self.clients: list[httpx.Client] = []
        self.serve()

    def serve(self, second_factor: str = "asked") -> None:
        """Serve the console; whether a second factor is asked for or needed is a setting."""
        kit = self.kit
        settings = replace(kit.centre.settings, second_factor=second_factor)
        kit.centre = replace(kit.centre, settings=settings)
        self.served = Served(create_app(kit.centre))

    def client(self) -> httpx.Client:
        """A browser that has not been here."""
        self.clients.append(httpx.Client(base_url=f"{self.served.url}/console", timeout=30))
        return self.clients[-1]

    def by_password(self, name: str, wanted: str = "") -> tuple[httpx.Client, httpx.Response]:
        """Give a name and the password; what the door answers."""
        client = self.client()
        token = token_in(client.get("/login").text)
        form = {"name": name, "password": PASSWORD, "next": wanted, "token": token}
        return client, client.post("/login", data=form)

    def enter(self, name: str, code: str = "") -> httpx.Client:
        """Come in by the password, and by a code if one is given."""
        client, answer = self.by_password(name)
        if code:
            answer = give(client, answer, code)
        assert answer.status_code == 303, answer.text
        return client

    def enrol(self, client: httpx.Client) -> tuple[bytes, list[str]]:
        """Set a phone up; its secret, and the recovery codes."""
        offered = begin(client)
        code = one_time.code_at(secret_in(offered), self.step)
        done = confirm(client, factor_in(offered), code)
        assert done.status_code == 200
        return secret_in(offered), re.findall(r"<li><code>([^<]+)</code>", done.text)

    def later(self, steps: int = 1) -> None:
        """Let the phone show another code."""
        self.machine_ms += steps * one_time.STEP_S * 1000

    @property
    def step(self) -> int:
        """The time step of the code that phones show now."""
        return one_time.step_of(self.machine_ms)

    def close(self) -> None:
        """Stop serving, and let every browser go."""
        for client in self.clients:
            client.close()
        self.served.close()


@contextmanager
def opened(kit: HasCentre) -> Iterator[Door]:
    """A door, closed at the end."""
    door = Door(kit)
    try:
        yield door
    finally:
        door.close()


def token_in(page: str) -> str:
    """The token that a page's forms carry."""
    found = re.search(r'name="token" value="([^"]+)"', page)
    assert found, page
    return found[1]


def factor_in(page: str) -> str:
    """Which offer a page asks to confirm."""
    found = re.search(r'name="factor_id" value="([^"]+)"', page)
    assert found, page
    return found[1]


def secret_in(page: str) -> bytes:
    """The secret as a person types it into their phone."""
    found = re.search(r'factor-secret">([^<]+)<', page)
    assert found, page
    return base64.b32decode(found[1].replace(" ", ""))


def begin(client: httpx.Client, **more: str) -> str:
    """Ask for a secret; the page that shows it."""
    form = {"act": "begin", "token": token_in(client.get(OWN).text)}
    return client.post(OWN, data={**form, "step_up_password": PASSWORD, **more}).text


def confirm(client: httpx.Client, factor_id: str, code: str) -> httpx.Response:
    """Give the first code of a phone."""
    token = token_in(client.get(OWN).text)
    form = {"act": "confirm", "factor_id": factor_id, "code": code, "token": token}
    return client.post(OWN, data=form)


def give(client: httpx.Client, asked: httpx.Response, code: str) -> httpx.Response:
    """Give a code at the door, after the password."""
    form = {"code": code, "next": "", "token": token_in(asked.text)}
    return client.post("/login/code", data=form)
