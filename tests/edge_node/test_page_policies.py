"""Every route of the station's pages answers with a strict Content-Security-Policy."""

from __future__ import annotations

import re

import httpx
import pytest
from starlette.routing import Route

from tests.support.centre import Served
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.lending_station import Station
from tests.support.tablet import tablet_pages

# What no face of the station may let in; the tablet shows pictures that it holds itself.
LOOSE = re.compile(r"unsafe|\*|https?:|data:")
KNOWN_MIN = 40


@pytest.fixture
def station(tmp_path):
    station = Station(tmp_path)
    station.populate()
    yield station
    station.close()


def _routes(found):
    """Every route, those of included routers too."""
    for route in found:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _routes(inner.routes)
        elif hasattr(route, "path"):
            yield route


def test_every_route_has_a_policy_that_lets_in_nothing_foreign(station):
    app = kiosk_of(station, Elapsed())
    routes = list(_routes(app._app.routes))
    paths = {re.sub(r"{[^}]+}", "x", route.path) for route in routes}
    methods = dict.fromkeys(paths, "GET")
    for route in routes:
        if isinstance(route, Route) and "GET" not in (route.methods or {"GET"}):
            methods[re.sub(r"{[^}]+}", "x", route.path)] = "POST"
    assert len(methods) >= KNOWN_MIN
    served = Served(app)
    try:
        with httpx.Client(base_url=served.url, trust_env=False) as client:
            for path, method in sorted(methods.items()):
                headers = client.request(method, path).headers
                policy = headers["content-security-policy"]
                assert policy.startswith("default-src 'none'"), path
                assert not LOOSE.search(policy), (path, policy)
                assert "frame-ancestors 'none'" in policy, path
                assert headers["x-content-type-options"] == "nosniff", path
    finally:
        served.close()


TABLET_DATA = "img-src 'self' blob: data:; "


def test_every_part_of_the_tablet_has_a_policy_and_asks_nothing_of_others(station):
    app = tablet_pages(station, Elapsed())
    asked = [("GET", path, 200) for path in app._files]
    asked += [("GET", "/tablet/", 200), ("GET", "/tablet/nothing", 404)]
    asked += [("GET", "/tablet/api/area", 401), ("POST", "/tablet/api/operations", 422)]
    served = Served(app)
    try:
        with httpx.Client(base_url=served.url, trust_env=False) as client:
            for method, path, status in asked:
                answer = client.request(method, path)
                policy = answer.headers["content-security-policy"]
                assert (answer.status_code, path) == (status, path)
                assert policy.startswith("default-src 'none'"), path
                assert not LOOSE.search(policy.replace(TABLET_DATA, "")), (path, policy)
                assert "frame-ancestors 'none'" in policy, path
                assert answer.headers["x-content-type-options"] == "nosniff", path
    finally:
        served.close()
