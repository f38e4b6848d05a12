"""Who may bring operations: tablets that agents enrolled with a one-time code.

Every act is one transaction with its record in the station's money log. A lease ends by
itself; a contact with the station renews it. Statements F1-F3 of docs/tablet.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from core.lending.lease import Clock
from core.units import MS_PER_DAY, MS_PER_HOUR
from core.wire.fieldwork import TabletAct, TabletEvent
from core.wire.records import Up
from core.wire.telemetry import require_name
from edge_node.decide.desk import RequestError
from edge_node.keys import KeyRing
from edge_node.store import logs
from edge_node.store import tablets as store
from edge_node.store.database import StationDatabase
from edge_node.store.tablets import Invited, Tablet

CODE_CHARACTERS = 16  # of 5 bits each: nobody guesses 80 bits in a day
CODE_HOURS = 24
FAILURES_MAX = 10
LEASE_DAYS, LEASE_DAYS_MAX = 14, 60
AREA_NUMBERS = 4
NAME_CHARACTERS_MAX = 80
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_ALIKE = str.maketrans("ILO", "110", " -")


class TabletRefusedError(HarvestlineError):
    """A tablet's code, key or lease does not let it in."""

    code = "HL-EDGE-041"


@dataclass(frozen=True, slots=True)
class TabletDoor:
    """The station's hand that lets tablets in and out.

    Parameters
    ----------
    station
        The station's name, as its records are signed.
    entropy
        So many unpredictable bytes.
    """

    db: StationDatabase
    station: str
    clock: Clock
    entropy: Callable[[int], bytes]

    def invite(
        self, tablet_id: str, agent: tuple[str, str], area_e7: tuple[int, ...], lease_days: int
    ) -> tuple[str, int]:
        """Make a one-time code for an agent's tablet; the code, and until when [ms UTC].

        Parameters
        ----------
        agent
            The agent's id and name.
        area_e7
            West, south, east, north [degrees × 10⁷]; empty for all of the station.

        Raises
        ------
        RequestError
            If the area or the lease cannot be.
        """
        require_name(tablet_id, "tablet")
        require_name(agent[0], "agent")
        if area_e7 and (len(area_e7) != AREA_NUMBERS or area_e7[0] == area_e7[2]
                        or area_e7[1] >= area_e7[3]):  # fmt: skip
            raise RequestError(f"expected west, south, east, north of an area, got {area_e7}")
        if not 1 <= lease_days <= LEASE_DAYS_MAX or len(agent[1]) > NAME_CHARACTERS_MAX:
            raise RequestError(f"expected a lease of 1 to {LEASE_DAYS_MAX} days and a short name")
        code = "".join(_ALPHABET[byte % 32] for byte in self.entropy(CODE_CHARACTERS))
        until_ms = self.clock.at_ms + CODE_HOURS * MS_PER_HOUR
        made = Invited(
            tablet_id, *agent, area_e7, lease_days, _digest(code), self.clock.at_ms, until_ms
        )
        with self.db.atomic():
            store.put_invitation(self.db, made)
            self._log(TabletEvent(tablet_id, agent[0], TabletAct.INVITED, "", until_ms))
        return code, until_ms

    def enrol(self, code: str, public_key: str) -> Tablet:
        """Let in the tablet that a code was made for, by the key that it made for itself.

        Raises
        ------
        TabletRefusedError
            If the code is wrong, used or too old, or too many were wrong lately.
        SignatureError
            If the key is no Ed25519 key.
        """
        now_ms = self.clock.at_ms
        KeyRing.of_hex(public_key)
        spelt = bytes.fromhex(public_key).hex()  # one key, one spelling, one chain
        made = store.invitation(self.db, _digest(code))
        if made is None or made.until_ms <= now_ms:
            # The right code enters all the same, or anybody near could keep agents out.
            if store.failures_since(self.db, now_ms - MS_PER_HOUR) >= FAILURES_MAX:
                raise TabletRefusedError("too many wrong codes within the hour: ask for a new one")
            with self.db.atomic():
                store.note_failure(self.db, now_ms, now_ms - MS_PER_HOUR)
            raise TabletRefusedError("the code is wrong, used or too old: ask for a new one")
        tablet = Tablet(
            made.tablet_id, made.agent_id, made.agent_name, made.area_e7, spelt,
            made.lease_days, now_ms + made.lease_days * MS_PER_DAY,
        )  # fmt: skip
        with self.db.atomic():
            store.put_tablet(self.db, tablet)
            store.use_up(self.db, tablet.tablet_id)
            self._log(_event(tablet, TabletAct.ENROLLED))
        return tablet

    def admit(self, tablet_id: str, *, hands_in: bool = False) -> Tablet:
        """A tablet that is in, its lease renewed once half of it is over.

        Where it only hands in what it has, also one whose lease has run out: what was paid
        out in the field is not lost for having come late.

        Raises
        ------
        TabletRefusedError
            If it is not known, was turned out, or its lease has run out.
        """
        found = store.tablet(self.db, tablet_id)
        if found is None:
            raise TabletRefusedError(f"no tablet {tablet_id[:64]!r} is enrolled here")
        if found.revoked:
            raise TabletRefusedError(f"tablet {found.tablet_id} was turned out: {found.reason}")
        left_ms = found.lease_until_ms - self.clock.at_ms
        if left_ms <= 0 and hands_in:
            return found
        if left_ms <= 0:
            raise TabletRefusedError(f"the lease of {found.tablet_id} has run out: enrol it again")
        until_ms = self.clock.at_ms + found.lease_days * MS_PER_DAY
        if not self.clock.known or left_ms * 2 > found.lease_days * MS_PER_DAY:
            return found
        renewed = replace(found, lease_until_ms=until_ms)
        with self.db.atomic():
            store.renew(self.db, found.tablet_id, until_ms)
            self._log(_event(renewed, TabletAct.RENEWED))
        return renewed

    def revoke(self, tablet_id: str, reason: str) -> None:
        """Turn a tablet out; at its next contact it wipes what it can read.

        Raises
        ------
        TabletRefusedError
            If it is not in.
        """
        found = store.tablet(self.db, tablet_id)
        if found is None or found.revoked:
            raise TabletRefusedError(f"no tablet {tablet_id[:64]!r} is enrolled here")
        with self.db.atomic():
            store.revoke(self.db, tablet_id, self.clock.at_ms, reason)
            self._log(_event(replace(found, reason=reason), TabletAct.REVOKED))

    def _log(self, event: TabletEvent) -> None:
        logs.append(self.db, self.station, Up.TABLET_EVENT, event, self.clock)


def _event(tablet: Tablet, act: TabletAct) -> TabletEvent:
    event = TabletEvent(
        tablet.tablet_id, tablet.agent_id, act, tablet.public_key, tablet.lease_until_ms,
        tablet.reason,
    )  # fmt: skip
    if act is not TabletAct.ENROLLED:
        return event
    return replace(
        event, agent_name=tablet.agent_name, area_e7=tablet.area_e7, lease_days=tablet.lease_days
    )


def _digest(code: str) -> str:
    return sha256_hex(code.upper().translate(_ALIKE).encode())
