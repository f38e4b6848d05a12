"""A broker that someone else runs: its accounts and rules are theirs to set.

The intake checks every signature whatever the broker lets through, so a careless
broker costs availability, never truth.
"""

from __future__ import annotations

from edge_node.config import Settings, read_secret
from edge_node.intake.broker.access import BrokerAccess


class ExternalBroker:
    """Where to find it, and nothing to start or stop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def start(self) -> BrokerAccess:
        """The address and login from the settings.

        Raises
        ------
        SettingError
            If the password file cannot be read.
        """
        settings = self._settings
        return BrokerAccess(
            host=settings.broker_host,
            port=settings.broker_port,
            user=settings.broker_user,
            password=read_secret(settings.broker_password_file),
            client_id=f"{settings.station}-intake",
        )

    @property
    def is_running(self) -> bool:
        """It is not ours to watch; the intake says whether it reaches it."""
        return True

    def stop(self) -> None:
        """Nothing to stop."""
