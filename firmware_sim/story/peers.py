"""The story's people at their screens: the kiosk's farmer, the centre's cashier and auditor."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from firmware_sim.story.process import PeerProcessError

TIMEOUT_S = 30.0
_CSRF = "x-csrf-token"


def _answer(response: httpx.Response) -> dict[str, Any]:
    """The JSON of an answer.

    Raises
    ------
    PeerProcessError
        If the peer did not answer with success; the message carries its problem.
    """
    if response.is_success:
        found: dict[str, Any] = response.json() if response.content else {}
        return found
    raise PeerProcessError(
        f"{response.request.method} {response.request.url.path} answered "
        f"{response.status_code}: {response.text[:400]}"
    )


@dataclass(frozen=True, slots=True)
class Borrowing:
    """What a farmer agreed to take, as the kiosk booked it [minor units]."""

    draw_id: str
    line_id: str
    amount_minor: int


class Kiosk:
    """One farmer's visit to the station's kiosk.

    Parameters
    ----------
    url
        The station's page.
    card
        The token on the farmer's card.
    """

    def __init__(self, url: str, card: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1/kiosk", timeout=TIMEOUT_S)
        known = _answer(self._client.post("/identify", json={"card": card}))
        self._client.headers[_CSRF] = known["csrf"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.post("/leave")
        self._client.close()

    def home(self) -> dict[str, Any]:
        """How the farmer stands."""
        return _answer(self._client.get("/home"))

    def borrow(self, line_id: str, amount_minor: int) -> Borrowing | None:
        """See the price, agree, and be paid out; None if it was refused."""
        told = _answer(
            self._client.get("/quote", params={"line_id": line_id, "amount_minor": amount_minor})
        )
        if "refused" in told:
            return None
        agreed = {
            "line_id": line_id, "amount_minor": amount_minor,
            "quote_sha256": told["quote_sha256"], "spoken": True,
        }  # fmt: skip
        begun = _answer(self._client.post("/draw", json=agreed))
        if "refused" in begun:
            return None
        draw_id = begun["draw"]["draw_id"]
        _answer(self._client.post(f"/draw/{draw_id}/payout", json={"confirmed": True}))
        return Borrowing(draw_id, line_id, amount_minor)

    def apply(self, possible: dict[str, Any], asked_minor: int) -> dict[str, Any]:
        """Consent and apply for a line; the decision, or why there is none."""
        return _answer(
            self._client.post(
                "/apply",
                json={
                    "product_id": possible["product_id"],
                    "subject_ids": possible["subject_ids"],
                    "asked_minor": asked_minor,
                    "purposes": possible["purposes"],
                    "spoken": True,
                },
            )
        )


class StationPage:
    """The agent's look at the station."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=TIMEOUT_S)

    def status(self) -> dict[str, Any]:
        """How the station is."""
        return _answer(self._client.get("/api/v1/station/status"))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


class CentreDesk:
    """The auditor's and the cashier's programs at the centre.

    Parameters
    ----------
    auditor, cashier
        Their bearer tokens.
    """

    def __init__(self, url: str, auditor: str, cashier: str) -> None:
        self._client = httpx.Client(base_url=f"{url}/api/v1", timeout=TIMEOUT_S)
        self._auditor = {"Authorization": f"Bearer {auditor}"}
        self._cashier = {"Authorization": f"Bearer {cashier}"}

    def status(self) -> dict[str, Any]:
        """Counts and high waters."""
        return _answer(self._client.get("/status", headers=self._auditor))

    def repay(self, repayment: dict[str, Any]) -> dict[str, Any]:
        """Report money received for a line."""
        return _answer(self._client.post("/repayments", json=repayment, headers=self._cashier))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
