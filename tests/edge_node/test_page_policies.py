"""Every route of the station's pages answers with a strict Content-Security-Policy."""

from __future__ import annotations

import re

import httpx
import pytest
from starlette.routing import Route

from tests.support.centre import Served
from tests.support.kiosk import Elapsed, kiosk_of
from tests.support.lending_station import Station

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
