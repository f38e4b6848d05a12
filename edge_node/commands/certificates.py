"""The station's authority for commands, and its certificates kept fresh while it runs."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable

from edge_node.authority import Authority, AuthorityError
from edge_node.commands.hands import Hands
from edge_node.config import Settings
from edge_node.intake.events import OnEvent

RENEW_EVERY_S = 3_600
_ANY = {"0.0.0.0", "::", "localhost"}  # noqa: S104  (left out of a certificate, not bound)


def names_of(settings: Settings) -> frozenset[str]:
    """Host names and addresses that the settings give the station."""
    return frozenset(name.strip() for name in settings.tls_names.split(",") if name.strip())


def authority_of(settings: Settings, hands: Hands) -> Authority | None:
    """The station's authority, made if there is none; None if nothing is served over TLS.

    Raises
    ------
    AuthorityError
        If it cannot be made or read.
    """
    if settings.broker_tls == "off" and settings.page_tls == "off":
        return None
    hosts = {settings.broker_host, settings.page_host} - _ANY
    names = sorted(names_of(settings) | hosts)
    return Authority(settings.tls_folder, settings.station, names, hands.now_ms, hands.entropy)


def keep_fresh(
    authority: Authority,
    pages: Callable[[], ssl.SSLContext | None],
    stop: threading.Event,
    on_event: OnEvent,
) -> None:
    """Renew the station's certificate before it ends, until told to stop.

    Parameters
    ----------
    authority
        The station's authority; brokers look at it themselves.
    pages
        The context of the pages' listener, None while there is none.
    stop
        Ends the work.
    on_event
        Told of renewals, and of those that failed.
    """
    while not stop.wait(RENEW_EVERY_S):
        try:
            if not authority.renew():
                continue
            context = pages()
            if context is not None:
                context.load_cert_chain(authority.certificate_path, authority.key_path)
            on_event("certificate_renewed", {"count": authority.renewals_count})
        except (AuthorityError, OSError) as error:
            on_event("certificate_not_renewed", {"detail": str(error)})
