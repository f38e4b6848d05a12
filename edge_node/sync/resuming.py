"""TLS to the centre that remembers its session, for links on which a handshake is dear.

A whole handshake brings the centre's certificates, 2–5 kB: up to 20 s at 2 kbit/s. A
resumed one (RFC 8446, section 2.2) proves the same key by a ticket and brings none. The
ticket is kept in memory only; a centre that no longer honours it shakes hands in full.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any, Self

import httpx


class ResumingContext(ssl.SSLContext):
    """What the centre's certificate is held against, and the session to go on with.

    It belongs to one client of one centre: a session is offered to whoever it connects to.
    """

    _session: ssl.SSLSession | None = None
    _handshake_s = 0.0

    @classmethod
    def made(cls, handshake_s: float, authority: Path) -> Self:
        """A context that trusts the public authorities, or only those in a PEM file.

        Parameters
        ----------
        handshake_s
            How long a handshake may take [s]: beside its round trips it waits for bytes.
        authority
            Certificates of the lender's own authority; ``Path()`` for the public ones.

        Raises
        ------
        OSError
            If the file cannot be read, or holds no certificate.
        """
        made = cls(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and name
        made.minimum_version = ssl.TLSVersion.TLSv1_2
        made._handshake_s = handshake_s
        if authority != Path():
            made.load_verify_locations(cafile=authority)
        else:
            public = httpx.create_ssl_context(trust_env=False).get_ca_certs(binary_form=True)
            made.load_verify_locations(cadata=b"".join(public))
        return made

    def wrap_socket(  # type: ignore[override]  # httpcore gives these two
        self, sock: socket.socket, server_hostname: str | None = None, **others: Any
    ) -> ssl.SSLSocket:
        """Shake hands, with the last session if there is one."""
        sock.settimeout(self._handshake_s)
        return super().wrap_socket(
            sock, server_hostname=server_hostname, session=self._session, **others
        )

    def remember(self, connection: object) -> bool:
        """Keep a connection's session for the next one; a ticket comes with the first answer.

        Whether the connection itself went on with an earlier session.
        """
        if not isinstance(connection, ssl.SSLSocket):
            return False
        self._session = connection.session or self._session
        return bool(connection.session_reused)
