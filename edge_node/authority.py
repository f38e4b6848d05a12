"""The station's own certificate authority, made at the first start; the door to X.509.

The authority (P-256, 20 years) signs the station's certificate for broker and pages and,
where devices must show one, theirs. Keys come from ``entropy``, times from ``now_ms``;
OpenSSL judges validity by the machine's own clock, so a certificate is never made while
that clock is before this software. Statements S1–S6 of docs/devices.md.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from core.errors import HarvestlineError
from core.units import MS_PER_DAY
from edge_node.files import write_whole

AUTHORITY_DAYS = 20 * 365
STATION_DAYS = 397
CLIENT_DAYS = 2 * 365
RENEW_DAYS = 30  # what is left when a new one is made
BACKDATED_MS = MS_PER_DAY  # for devices whose clock is a little behind
CLOCK_MS_MIN = 1_767_225_600_000  # 2026-01-01: this software was not there before
_SERIAL_BYTES = 16
_KEY_BYTES = 40
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # FIPS 186-4, D.1.2.3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AuthorityError(HarvestlineError):
    """The station's certificates cannot be made, read or written."""

    code = "HL-EDGE-022"


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate for a device with its key, in PEM; the serial in hexadecimal."""

    certificate: str
    key: str
    serial: str
    not_after_ms: int


class Authority:
    """The authority of one station.

    Parameters
    ----------
    folder
        Where ``ca.pem``, ``ca.key``, ``station.pem``, ``station.key`` and ``revoked.pem`` are.
    station
        The station's name.
    names
        Host names and addresses under which the station is reached.
    now_ms
        The station's clock [ms UTC].
    entropy
        So many unpredictable bytes.
    """

    def __init__(
        self,
        folder: Path,
        station: str,
        names: Sequence[str],
        now_ms: Callable[[], int],
        entropy: Callable[[int], bytes],
    ) -> None:
        self.authority_path = folder / "ca.pem"
        self.certificate_path = folder / "station.pem"
        self.key_path = folder / "station.key"
        self.revoked_path = folder / "revoked.pem"
        self._authority_key_path = folder / "ca.key"
        self._station = station
        self._names = tuple(sorted({"localhost", "127.0.0.1", station, *names}))
        self._now_ms = now_ms
        self._entropy = entropy
        self.renewals_count = 0
        self._key, self._certificate = self._opened(folder)
        self.renew()

    def renew(self) -> bool:
        """Make a new station certificate if the one in use ends soon or lacks a name.

        Raises
        ------
        AuthorityError
            If the clock is not plausible or a file cannot be written.
        """
        if not self._is_due():
            return False
        key, builder = self._new_key(), self._builder(self._station, STATION_DAYS)
        names = x509.SubjectAlternativeName([_general(name) for name in self._names])
        certificate = self._signed(
            builder.public_key(key.public_key()).add_extension(names, critical=False),
            ExtendedKeyUsageOID.SERVER_AUTH,
        )
        _write(self.key_path, _key_pem(key), 0o600)
        _write(self.certificate_path, _pem(certificate), 0o644)
        self.renewals_count += 1
        return True

    def ends_ms(self) -> int:
        """When the station's certificate ends [ms UTC]."""
        return certificate_end_ms(self.certificate_path)

    def issue(self, user: str, days: int = CLIENT_DAYS) -> Issued:
        """A client certificate for a device: its name is the device's id."""
        key = self._new_key()
        builder = self._builder(user, days).public_key(key.public_key())
        made = self._signed(builder, ExtendedKeyUsageOID.CLIENT_AUTH)
        return Issued(
            certificate=_pem(made).decode(),
            key=_key_pem(key).decode(),
            serial=f"{made.serial_number:x}",
            not_after_ms=_ms(made.not_valid_after_utc),
        )

    def write_revoked(self, revoked: Iterable[tuple[str, int]]) -> None:
        """Write the list of revoked certificates: serial in hexadecimal, time [ms UTC]."""
        # Renewed with every change, so its own end must never shut all devices out.
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self._certificate.subject)
            .last_update(self._certificate.not_valid_before_utc)
            .next_update(self._certificate.not_valid_after_utc)
        )
        for serial, at_ms in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(int(serial, 16))
            builder = builder.add_revoked_certificate(entry.revocation_date(_at(at_ms)).build())
        signed = builder.sign(self._key, hashes.SHA256())
        _write(self.revoked_path, signed.public_bytes(serialization.Encoding.PEM), 0o644)

    def server_context(self, *, mutual: bool) -> ssl.SSLContext:
        """What a listener needs; with ``mutual`` a client must show a certificate of ours.

        Raises
        ------
        AuthorityError
            If the files do not fit together.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate_path, self.key_path)
            if mutual:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(self.authority_path)
                context.load_verify_locations(self.revoked_path)
                context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
        except (OSError, ssl.SSLError) as error:
            raise AuthorityError(f"expected the station's certificates: {error}") from error
        return context

    def _opened(self, folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """The authority's key and certificate, made if there are none."""
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not self.authority_path.exists():
                self._make_authority()
            pem = self._authority_key_path.read_bytes()
            key = serialization.load_pem_private_key(pem, None)
            certificate = x509.load_pem_x509_certificate(self.authority_path.read_bytes())
        except (OSError, ValueError) as error:
            raise AuthorityError(f"expected an authority in {folder}: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityError(f"expected a P-256 key at {self._authority_key_path}")
        return key, certificate

    def _make_authority(self) -> None:
        key = self._new_key()
        subject = _name(f"{self._station} authority")
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        made = (
            self._dated(AUTHORITY_DAYS)
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(authority=True), critical=True)
            .add_extension(own, critical=False)
            .sign(key, hashes.SHA256())
        )
        # The key first: a certificate without its key would never be made good.
        _write(self._authority_key_path, _key_pem(key), 0o600)
        _write(self.authority_path, _pem(made), 0o644)

    def _is_due(self) -> bool:
        try:
            found = x509.load_pem_x509_certificate(self.certificate_path.read_bytes())
            names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, x509.ExtensionNotFound):
            return True
        ends_ms = _ms(found.not_valid_after_utc)
        missing = {_general(name) for name in self._names} - set(names)
        ours = found.issuer == self._certificate.subject
        return bool(missing) or not ours or ends_ms - self._now_ms() < RENEW_DAYS * MS_PER_DAY

    def _builder(self, name: str, days: int) -> x509.CertificateBuilder:
        issuer = self._certificate.subject
        return self._dated(days).subject_name(_name(name)).issuer_name(issuer)

    def _dated(self, days: int) -> x509.CertificateBuilder:
        now_ms = self._now_ms()
        if now_ms < CLOCK_MS_MIN:
            raise AuthorityError("expected a plausible clock to date a certificate: set it first")
        return (
            x509.CertificateBuilder()
            .serial_number(int.from_bytes(self._entropy(_SERIAL_BYTES), "big") | 1)
            .not_valid_before(_at(now_ms - BACKDATED_MS))
            .not_valid_after(_at(now_ms + days * MS_PER_DAY))
        )

    def _signed(
        self, builder: x509.CertificateBuilder, purpose: x509.ObjectIdentifier
    ) -> x509.Certificate:
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def _new_key(self) -> ec.EllipticCurvePrivateKey:
        # 320 bits over an order of 256: no value is noticeably likelier than another.
        secret = int.from_bytes(self._entropy(_KEY_BYTES), "big") % (_ORDER - 1) + 1
        return ec.derive_private_key(secret, ec.SECP256R1())


def certificate_end_ms(path: Path) -> int:
    """When a certificate ends [ms UTC].

    Raises
    ------
    AuthorityError
        If it cannot be read.
    """
    try:
        return _ms(x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc)
    except (OSError, ValueError) as error:
        raise AuthorityError(f"expected a certificate at {path}: {error}") from error


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority, key_cert_sign=authority, crl_sign=authority,
        content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _at(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    try:
        write_whole(path, data, mode)
    except OSError as error:
        raise AuthorityError(f"expected to write {path}: {error}") from error
