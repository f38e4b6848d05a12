"""Where a file is: a path on this machine or an address on the web, and what leads where.

The rules of following, kept here and nowhere else:

- What was read from the web leads to ``http`` and ``https`` only: never to a file on
  this machine, whatever its spelling, and from ``https`` never back to ``http``.
- What was read on this machine leads to paths, and for pixels also to the web.
- Whether an address may be a private one is carried along from the start (``private``):
  a catalog on the public internet leads to public addresses only (see ``web``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from satellite.scenes.faults import CatalogError

WEB = ("http", "https")
HREF_CHARACTERS_MAX = 4_096


@dataclass(frozen=True, slots=True)
class Url:
    """An address; ``private`` if it may resolve inside a private network.

    ``token_at`` is where a token for it is had, if it asks for one (see ``tokens``).
    """

    text: str
    private: bool = False
    token_at: Url | None = None

    def __str__(self) -> str:
        return self.bare

    @property
    def bare(self) -> str:
        """Without query and fragment: signatures and tokens never reach logs or hashes."""
        return urlunsplit(urlsplit(self.text)._replace(query="", fragment=""))

    @property
    def name(self) -> str:
        """The last part of its path."""
        return unquote(urlsplit(self.text).path.rpartition("/")[2])


Place = Path | Url


def is_web(text: str) -> bool:
    """Whether a text is an http(s) address."""
    return urlsplit(text).scheme.lower() in WEB


def join(base: Place, href: str) -> Place:
    """Where an href leads that stands in the document at ``base``.

    Raises
    ------
    CatalogError
        If it leads from the web to this machine, from https to http, or to a scheme
        that is not read.
    """
    if len(href) > HREF_CHARACTERS_MAX or "\0" in href:
        raise CatalogError(f"expected hrefs of up to {HREF_CHARACTERS_MAX} characters in {base}")
    if isinstance(base, Url):
        return _on_web(base, href)
    if is_web(href):
        return Url(href, private=True)
    if "://" in href and not href.startswith("file://"):
        raise CatalogError(
            f"expected a path or an http(s) address in {base}, got {href}: "
            "use the provider's https address or mirror it first"
        )
    return (base.parent / href.removeprefix("file://")).resolve()


def _on_web(base: Url, href: str) -> Url:
    try:
        target = urljoin(base.text, href)
        scheme, host = urlsplit(target).scheme.lower(), urlsplit(target).hostname
    except ValueError as error:
        raise CatalogError(f"expected an address in {base}, got {href!r}: {error}") from error
    if scheme not in WEB or not host or "\\" in href:
        raise CatalogError(
            f"expected an http(s) address in {base}, got {href}: what is read from the web "
            "never leads to files on this machine"
        )
    if scheme == "http" and urlsplit(base.text).scheme.lower() == "https":
        raise CatalogError(f"expected https in {base}, got {Url(target)}: it would undo its safety")
    return Url(target, base.private, base.token_at)
