"""Who may speak at this station, decided at the station: invited, enrolled, rotated, held, revoked.

Every act is one transaction with its record in the station's money log, so that the
centre learns of it and nobody can undo it unseen. Chance comes in as ``entropy``.
Statements D1–D7 of docs/devices.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.canonical import sha256_hex
from core.errors import HarvestlineError
from core.lending.lease import Clock
from core.units import MS_PER_HOUR
from core.wire.records import DeviceAct, DeviceEvent, Up
from core.wire.registry import Device
from core.wire.telemetry import DeviceKind, require_name
from edge_node.authority import Authority, Issued
from edge_node.intake.broker.access import password_hash
from edge_node.keys import SEED_BYTES, StationSigner
from edge_node.store import credentials as store
from edge_node.store import logs
from edge_node.store.credentials import Credential, Standing
from edge_node.store.database import StationDatabase
from edge_node.store.devices import devices, put_device

CODE_CHARACTERS = 10  # of 5 bits each
CODE_HOURS = 24
FAILURES_MAX = 5  # wrong codes within FAILURE_MS; then nobody enrols for a while
FAILURE_MS = MS_PER_HOUR
PASSWORD_BYTES = 32
REASON_CHARACTERS_MAX = 200
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U
_ALIKE = str.maketrans("ILO", "110", " -")
_KEY_CHARACTERS = 64

Entropy = Callable[[int], bytes]


class EnrolmentError(HarvestlineError):
    """A code is wrong, used or too old, or a device is not in the state for this."""

    code = "HL-EDGE-021"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A device that may enrol with a one-time code until ``until_ms`` [ms UTC]."""

    device_id: str
    code: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a device needs to speak here; ``key_seed`` is empty if it made its own key."""

    device_id: str
    password: str
    key_seed: str


@dataclass(frozen=True, slots=True)
class Registrar:
    """The station's hand that lets devices in and out.

    Parameters
    ----------
    db
        The station's database.
    station
        The station's name, as its records are signed.
    clock
        The station's time and whether it is trusted.
    entropy
        So many unpredictable bytes.
    """

    db: StationDatabase
    station: str
    clock: Clock
    entropy: Entropy

    def invite(self, device_id: str, kind: DeviceKind, subject_id: str) -> Invitation:
        """Make a one-time code for a device; an earlier one of the same device ends.

        Raises
        ------
        EnrolmentError
            If the subject is not known at this station.
        """
        require_name(device_id, "device")
        self._require_subject(subject_id)
        self._require_no_gateway(device_id)
        code = "".join(_ALPHABET[byte % 32] for byte in self.entropy(CODE_CHARACTERS))
        until_ms = self.clock.at_ms + CODE_HOURS * MS_PER_HOUR
        with self.db.atomic():
            self.db.conn.execute(
                "INSERT OR REPLACE INTO invitations VALUES (?, ?, ?, ?, ?, ?)",
                (device_id, kind.value, subject_id, _digest(code), self.clock.at_ms, until_ms),
            )
            self._log(device_id, DeviceAct.INVITED, "")
        return Invitation(device_id, code, until_ms)

    def enrol(self, code: str, public_key: str = "") -> Enrolled:
        """Register the device that a code was made for; the code is used up.

        Parameters
        ----------
        code
            As read out; case, spaces and hyphens do not matter.
        public_key
            The device's own Ed25519 key in hexadecimal; without one the station makes
            a key for it, to be carried to the device and kept nowhere else.

        Raises
        ------
        EnrolmentError
            If the code is wrong, used or too old, or too many were wrong lately.
        """
        self._require_few_failures()
        row = self.db.conn.execute(
            "SELECT device_id, kind, subject_id, until_ms FROM invitations WHERE code_sha256 = ?",
            (_digest(code),),
        ).fetchone()
        if row is None or row[3] <= self.clock.at_ms:
            self._count_failure()
            what = "is too old" if row else "is wrong or was used"
            raise EnrolmentError(f"the code {what}: invite the device again")
        seed = b"" if public_key else self.entropy(SEED_BYTES)
        key = _checked(public_key) if public_key else StationSigner(seed).public_key.hex()
        password = self.entropy(PASSWORD_BYTES).hex()
        device = Device(
            row[0], DeviceKind(row[1]), row[2], self.station, key, sha256_hex(password.encode())
        )
        with self.db.atomic():
            self._register(device, password)
            self.db.conn.execute("DELETE FROM invitations WHERE device_id = ?", (row[0],))
            self._log(row[0], DeviceAct.ENROLLED, "", device)
        return Enrolled(device.device_id, password, seed.hex())

    def adopt(
        self, device_id: str, kind: DeviceKind, subject_id: str, adapter: StationSigner
    ) -> Device:
        """Register a foreign device, for which only gateways speak; it cannot log in."""
        require_name(device_id, "device")
        self._require_subject(subject_id)
        self._require_no_gateway(device_id)
        unknown = sha256_hex(self.entropy(PASSWORD_BYTES))
        key = adapter.public_key.hex()
        device = Device(device_id, kind, subject_id, self.station, key, unknown)
        with self.db.atomic():
            put_device(self.db, device)
            store.put_standing(self.db, device_id, Standing.GOOD, "", self.clock.at_ms)
            self._log(device_id, DeviceAct.ENROLLED, "foreign", device)
        return device

    def open_gateway(self, gateway: str) -> str:
        """Let a gateway of foreign devices log in; its password, which is kept nowhere."""
        require_name(gateway, "gateway")
        if any(device.device_id == gateway for device in devices(self.db)):
            raise EnrolmentError(f"expected a name for a gateway, {gateway} is a device")
        password = self.entropy(PASSWORD_BYTES).hex()
        with self.db.atomic():
            store.put_gateway(self.db, gateway, self.clock.at_ms)
            store.put_standing(self.db, gateway, Standing.GOOD, "", self.clock.at_ms)
            store.remove_credentials(self.db, gateway)
            self._give(gateway, password, self.clock.at_ms)
            self._log(gateway, DeviceAct.ENROLLED, "gateway")
        return password

    def rotate(self, user: str, overlap_ms: int) -> str:
        """A new password for a device or gateway; the one before it counts for the overlap.

        Raises
        ------
        EnrolmentError
            If it is neither registered here nor a gateway, or revoked.
        """
        device = self._require_present(user)
        password = self.entropy(PASSWORD_BYTES).hex()
        with self.db.atomic():
            if device is not None:
                store.keep_registered(self.db, device, "", self.clock.at_ms)
            self._give(user, password, self.clock.at_ms + overlap_ms)
            self._log(user, DeviceAct.ROTATED, "")
        return password

    def certify(self, user: str, authority: Authority, *, replace: bool) -> Issued:
        """A client certificate for a device or gateway; ``replace`` revokes those before it.

        Raises
        ------
        EnrolmentError
            If it is neither registered here nor a gateway, or revoked.
        """
        self._require_present(user)
        made = authority.issue(user)
        with self.db.atomic():
            if replace:
                store.revoke_certificates(self.db, user, self.clock.at_ms)
            at_ms = self.clock.at_ms
            store.put_certificate(self.db, made.serial, user, made.not_after_ms, at_ms)
            self._log(user, DeviceAct.ROTATED, "certificate")
        return made

    def revoke(self, user: str, reason: str) -> None:
        """Let a device or gateway speak no more; live connections end within a second."""
        self._require_present(user)
        with self.db.atomic():
            self._stand(user, Standing.REVOKED, reason)
            store.remove_credentials(self.db, user)
            store.revoke_certificates(self.db, user, self.clock.at_ms)
            self._log(user, DeviceAct.REVOKED, reason)

    def quarantine(self, user: str, reason: str) -> None:
        """Neither store nor acknowledge what a device says: it keeps it and may send it later."""
        self._require_present(user)
        with self.db.atomic():
            self._stand(user, Standing.QUARANTINED, reason)
            self._log(user, DeviceAct.QUARANTINED, reason)

    def release(self, user: str) -> None:
        """End a quarantine.

        Raises
        ------
        EnrolmentError
            If there is none; a revoked device must be invited and enrolled again.
        """
        if store.standings(self.db).get(user) is not Standing.QUARANTINED:
            raise EnrolmentError(f"expected {user} in quarantine: nothing to release")
        with self.db.atomic():
            store.put_standing(self.db, user, Standing.GOOD, "", self.clock.at_ms)
            self._log(user, DeviceAct.RELEASED, "")

    def _register(self, device: Device, password: str) -> None:
        put_device(self.db, device)
        store.remove_credentials(self.db, device.device_id)
        store.revoke_certificates(self.db, device.device_id, self.clock.at_ms)
        self._give(device.device_id, password, self.clock.at_ms)
        store.put_standing(self.db, device.device_id, Standing.GOOD, "", self.clock.at_ms)

    def _give(self, user: str, password: str, overlap_until_ms: int) -> None:
        digest = sha256_hex(password.encode())
        given = Credential(user, digest, password_hash(user, password), self.clock.at_ms, None)
        store.put_credential(self.db, given, overlap_until_ms)

    def _stand(self, user: str, standing: Standing, reason: str) -> None:
        if not 0 < len(reason) <= REASON_CHARACTERS_MAX:
            raise EnrolmentError(f"expected a reason of 1 to {REASON_CHARACTERS_MAX} characters")
        store.put_standing(self.db, user, standing, reason, self.clock.at_ms)

    def _log(self, user: str, act: DeviceAct, reason: str, device: Device | None = None) -> None:
        event = DeviceEvent(user, act, reason, device)
        logs.append(self.db, self.station, Up.DEVICE_EVENT, event, self.clock)

    def _require_present(self, user: str) -> Device | None:
        """The device of that name, None for a gateway."""
        if store.standings(self.db).get(user) is Standing.REVOKED:
            raise EnrolmentError(f"{user} is revoked: invite and enrol it again")
        for device in devices(self.db):
            if device.device_id == user and device.station == self.station:
                return device
        if user in store.gateways(self.db):
            return None
        raise EnrolmentError(f"expected a device or gateway of {self.station}, got {user!r}")

    def _require_no_gateway(self, device_id: str) -> None:
        if device_id in store.gateways(self.db):
            raise EnrolmentError(f"expected a name for a device, {device_id} is a gateway")

    def _require_subject(self, subject_id: str) -> None:
        row = self.db.conn.execute(
            "SELECT 1 FROM subjects WHERE subject_id = ?", (subject_id,)
        ).fetchone()
        if row is None:
            raise EnrolmentError(
                f"expected a plot, herd or machine that this station knows, got {subject_id!r}"
            )

    def _require_few_failures(self) -> None:
        since_ms = self.clock.at_ms - FAILURE_MS
        row = self.db.conn.execute(
            "SELECT count(*) FROM enrolment_failures WHERE at_ms > ?", (since_ms,)
        ).fetchone()
        if row[0] >= FAILURES_MAX:
            raise EnrolmentError("too many wrong codes within the hour: wait, then invite again")

    def _count_failure(self) -> None:
        with self.db.atomic():
            self.db.conn.execute(
                "DELETE FROM enrolment_failures WHERE at_ms <= ?", (self.clock.at_ms - FAILURE_MS,)
            )
            self.db.conn.execute(
                "INSERT INTO enrolment_failures (at_ms) VALUES (?)", (self.clock.at_ms,)
            )


def _digest(code: str) -> str:
    return sha256_hex(code.upper().translate(_ALIKE).encode())


def _checked(public_key: str) -> str:
    try:
        raw = bytes.fromhex(public_key)
    except ValueError as error:
        raise EnrolmentError("expected a public key in hexadecimal") from error
    if len(public_key) != _KEY_CHARACTERS or len(raw) != SEED_BYTES:
        raise EnrolmentError(f"expected a public key of {_KEY_CHARACTERS} hexadecimal digits")
    return raw.hex()
