"""Enrolment as in the field: a page over TLS from the station's own authority, in a browser."""

from __future__ import annotations

import base64
import hashlib
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from edge_node.authority import Authority
from tests.support.centre import Served, entropy
from tests.support.chromium import chromium
from tests.support.kiosk import Elapsed
from tests.support.lending_station import Station
from tests.support.tablet import door_of, tablet_pages
from tests.support.tls import Certificate

pytest.importorskip("playwright.sync_api", reason="the browser's driver is no part of a station")

pytestmark = pytest.mark.browser


def spki_sha256(authority):
    """The hash of the public key of the station's certificate, as Chromium takes it."""
    certificate = x509.load_pem_x509_certificate(authority.certificate_path.read_bytes())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    der = certificate.public_key().public_bytes(serialization.Encoding.DER, form)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def test_a_tablet_comes_in_over_tls_by_the_stations_own_authority(tmp_path):
    station = Station(tmp_path / "station")
    station.populate(2)
    now_ms = time.time_ns() // 1_000_000
    authority = Authority(
        tmp_path / "tls", "kijani", ("127.0.0.1",), lambda: now_ms, entropy("tls")
    )
    served = Served(
        tablet_pages(station, Elapsed(), authority.authority_path),
        Certificate(authority.certificate_path, authority.key_path),
    )
    code, _ = door_of(station).invite("tab-tls", ("agent-1", "Juma Otieno"), (), 14)
    trust = f"--ignore-certificate-errors-spki-list={spki_sha256(authority)}"
    try:
        with chromium(trust) as browser:
            context = browser.new_context(base_url=served.url)
            page = context.new_page()
            page.set_default_timeout(30_000)
            told = context.request.get("/tablet/authority.pem", ignore_https_errors=True)
            assert told.text() == authority.authority_path.read_text(encoding="ascii")
            page.goto(f"/tablet/#enrol={code}&key={station.keys.signer.key_id}")
            page.click("#enrol")
            page.wait_for_selector("#search")
            page.evaluate("() => navigator.serviceWorker.ready.then(() => 1)")
            context.close()
    finally:
        served.close()
        station.close()
