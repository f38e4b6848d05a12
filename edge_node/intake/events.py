"""What the intake and its broker report to whoever runs them.

An event is a snake_case noun phrase with facts: ``intake_connected``,
``intake_disconnected``, ``storage_blocked``, ``storage_released``,
``storage_verified`` (after a fault of the disk the file was opened anew and is sound),
``storage_damaged`` (it is not: nothing is acknowledged until it is restored),
``messages_refused``, ``messages_shed``, ``broker_started``, ``broker_restarted``,
``broker_reloaded``, ``device_passwords_missing``. Facts carry no personal data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Fact = str | int
OnEvent = Callable[[str, Mapping[str, Fact]], None]
