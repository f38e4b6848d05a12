"""Tokens of a provider that gives its pixels only to signed addresses (SAS).

The protocol is the Planetary Computer's: a public service answers with JSON of a
``token``, which goes into an address's query, and of the instant at which it ends
(``msft:expiry``). A token goes to the service's own host and to the provider's blob
store, and nowhere else, wherever a catalog or a redirect may lead.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit, urlunsplit

from satellite.scenes.faults import WebError
from satellite.scenes.place import Url

# The services of providers that are known by name; {collection} is the API's.
SERVICES = {
    "planetarycomputer.microsoft.com": (
        "https://planetarycomputer.microsoft.com/api/sas/v1/token/{collection}"
    ),
}
BLOB_STORE = ".blob.core.windows.net"
ANSWER_BYTES_MAX = 64_000
TOKEN_CHARACTERS_MAX = 8_000
EARLY_S = 60.0  # a token is renewed so long before it ends: a request takes its time
UNSTATED_S = 60.0  # a token whose end is not told is used for so long


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and until when it may be used on the clock that ``elapsed_s`` reads [s]."""

    text: str
    until_s: float


class Wallet:
    """The tokens of a process by service; threads may share it."""

    def __init__(self) -> None:
        self._kept: dict[Url, Token] = {}
        self._guard = threading.Lock()

    def find(self, service: Url, at_s: float) -> Token | None:
        """The service's token, if it may still be used."""
        with self._guard:
            token = self._kept.get(service)
        return token if token is not None and at_s < token.until_s else None

    def keep(self, service: Url, token: Token) -> None:
        """Keep a token for whoever reads next."""
        with self._guard:
            self._kept[service] = token

    def drop(self, service: Url) -> None:
        """Forget a token that was not taken."""
        with self._guard:
            self._kept.pop(service, None)


WALLET = Wallet()  # a file is opened several times a scene, by readers of their own


def service_of(host: str, named: str, collection: str) -> str:
    """The address of the token service, as named or as known for a host; empty for none."""
    return (named or SERVICES.get(host, "")).replace("{collection}", collection)


def takes_token(url: Url) -> bool:
    """Whether a token of its service belongs into this address."""
    if url.token_at is None or urlsplit(url.text).query:
        return False  # what is signed already stays as it is
    here, service = urlsplit(url.text), urlsplit(url.token_at.text)
    same_host = (here.scheme, here.netloc) == (service.scheme, service.netloc)
    in_store = here.scheme == "https" and (here.hostname or "").endswith(BLOB_STORE)
    return same_host or in_store


def signed(url: Url, token: Token) -> Url:
    """The address with the token as its query."""
    text = urlunsplit(urlsplit(url.text)._replace(query=token.text))
    return Url(text, url.private, url.token_at)


def token_of(answer: dict[str, object], answered_on: str, at_s: float, service: Url) -> Token:
    """The token of a service's answer.

    Parameters
    ----------
    answered_on
        The answer's ``Date`` header: held against the expiry by the service's own clock,
        so that a station whose clock is wrong still renews in time.
    at_s
        When the answer came, on the reader's clock [s].

    Raises
    ------
    WebError
        If there is no usable token in it.
    """
    text, ends = answer.get("token"), answer.get("msft:expiry")
    if not isinstance(text, str) or not _is_query(text):
        raise WebError(f"expected a token in the answer of {service}, got none that can be used")
    return Token(text, at_s + _lifetime_s(ends, answered_on) - EARLY_S)


def _is_query(text: str) -> bool:
    plain = text.isascii() and text.isprintable() and not set(text) & set(" #?")
    return plain and 0 < len(text) <= TOKEN_CHARACTERS_MAX


def _lifetime_s(ends: object, answered_on: str) -> float:
    try:
        end = datetime.fromisoformat(str(ends))
        return (end - parsedate_to_datetime(answered_on)).total_seconds()
    except (ValueError, TypeError):  # one of them is missing, or tells no time zone
        return UNSTATED_S + EARLY_S
