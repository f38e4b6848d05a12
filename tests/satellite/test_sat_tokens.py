"""Pixels that are given to signed addresses only, as the Planetary Computer gives them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from satellite.scenes.faults import CatalogError, WebError
from satellite.scenes.item import Item
from satellite.scenes.place import Url
from satellite.scenes.source import Signed, open_source
from satellite.scenes.tokens import EARLY_S, UNSTATED_S, Wallet, service_of, takes_token, token_of
from satellite.scenes.web import Web, WebLimits
from tests.satellite.test_sat_bad_input import ingest
from tests.support.stac_api import stac_api, with_addresses
from tests.support.tiny_scenes import (
    box_ring,
    ndvi_scene,
    plot_feature,
    write_catalog,
    write_plots,
)
from tests.support.tiny_web import TinyWeb

PC = Url("https://planetarycomputer.microsoft.com/api/sas/v1/token/sentinel-2-l2a")
BLOB = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/B04.tif"


class Desk:
    """A service of tokens: files are given with the token that is good, and not without."""

    def __init__(self, lifetime_s: float = 3_600.0) -> None:
        self.lifetime_s = lifetime_s
        self.given = 0
        self.good = ""

    def gate(self, path: str, query: str) -> tuple[int, bytes] | None:
        if path.startswith("/token/"):
            self.given += 1
            self.good = f"sv=2026&sig=a%2Fb{self.given}"
            ends = datetime.now(UTC) + timedelta(seconds=self.lifetime_s)
            told = {"msft:expiry": ends.strftime("%Y-%m-%dT%H:%M:%SZ"), "token": self.good}
            return 200, json.dumps(told).encode()
        return None if query == self.good else (403, b"no public access")


def _api_items(root: Path, base: str) -> list[dict[str, Any]]:
    (x0, y0), _, (x1, y1) = box_ring(0, 0, 160, 160)[:3]
    west, east, south, north = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    place = {"geometry": {"type": "Polygon", "coordinates": [ring]},
             "bbox": [west, south, east, north]}  # fmt: skip
    return [
        {**with_addresses(json.loads(path.read_text()), "sentinel-2-l2a", base), **place}
        for path in sorted(root.glob("s*/*.json"))
    ]


def test_an_api_whose_pixels_ask_for_a_token_gives_the_same_evidence(tmp_path: Path) -> None:
    root = tmp_path / "stac"
    plots = write_plots(tmp_path / "plots.geojson", [plot_feature("p", box_ring(10, 10, 70, 70))])
    scenes = [ndvi_scene(f"s{i}", f"2026-04-{i + 1:02d}", np.full((16, 16), 0.3 + 0.05 * i),
                         np.full((8, 8), 4)) for i in range(4)]  # fmt: skip
    write_catalog(root, scenes)
    kept = ingest(root / "catalog.json", plots, tmp_path / "kept")
    assert kept.facts["scenes_new"] == 4
    desk = Desk()
    with TinyWeb(root) as web:
        web.gate = desk.gate
        with stac_api(tmp_path, _api_items(root, web.url)) as api:
            source = f"{api}#sign={web.url}/token/{{collection}}"
            done = ingest(source, plots, tmp_path / "signed")
            assert (done.code, done.facts["scenes_new"]) == (0, 4), done.error
            assert done.facts["scenes_broken"] == 0
            plain = ingest(api, plots, tmp_path / "plain")
    assert desk.given == 1, "one token serves all files until it ends"
    assert ("/token/sentinel-2-l2a", "") in web.asked
    for name in ("evidence/p.json", "series.csv"):
        assert (tmp_path / "signed" / name).read_bytes() == (tmp_path / "kept" / name).read_bytes()
    for path in (tmp_path / "signed").rglob("*"):
        assert path.is_dir() or b"sig=" not in path.read_bytes(), f"a token was kept in {path}"
    assert "HTTP 403" in json.dumps(plain.facts) + plain.error
    assert "sign=" in json.dumps(plain.facts) + plain.error, "and it says what to do"


def test_a_token_is_kept_until_shortly_before_it_ends(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"pixels")
    now_s, desk = [1_000.0], Desk(lifetime_s=600)
    with TinyWeb(tmp_path) as web, Web(elapsed_s=lambda: now_s[0], wallet=Wallet()) as reader:
        web.gate = desk.gate
        url = Url(f"{web.url}/a.tif", True, Url(f"{web.url}/token/x", True))
        for _ in range(3):
            assert reader.ask("GET", url, 100).body == b"pixels"
        assert desk.given == 1
        now_s[0] += 600 - EARLY_S - 2  # the service tells whole seconds
        reader.ask("GET", url, 100)
        assert desk.given == 1
        now_s[0] += 4
        reader.ask("GET", url, 100)
        assert desk.given == 2


def test_a_token_that_is_withdrawn_early_is_fetched_anew_and_a_refusal_is_told(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.tif").write_bytes(b"pixels")
    desk, limits = Desk(), WebLimits(tries_max=3)
    with TinyWeb(tmp_path) as web, Web(limits, lambda _s: None, wallet=Wallet()) as reader:
        web.gate = desk.gate
        url = Url(f"{web.url}/a.tif", True, Url(f"{web.url}/token/x", True))
        assert reader.ask("GET", url, 100).body == b"pixels"
        desk.good = "withdrawn"
        assert reader.ask("GET", url, 100).body == b"pixels"
        assert desk.given == 2
        web.gate = lambda path, query: desk.gate(path, query if "/token/" in path else "never")
        with pytest.raises(WebError, match="HTTP 403"):
            reader.ask("GET", url, 100)
        assert desk.given == 3, "a fresh token that is refused is not asked for again"


def test_a_token_goes_to_its_provider_and_to_no_other_address() -> None:
    assert takes_token(Url(BLOB, token_at=PC))
    for text in (
        "https://stac.example.org/B04.tif", "http" + BLOB.removeprefix("https"),
        "https://sentinel2l2a01.blob.core.windows.net.example.org/B04.tif",
        BLOB + "?sig=signed-already",
    ):  # fmt: skip
        assert not takes_token(Url(text, token_at=PC)), text
    assert not takes_token(Url(BLOB))


def test_a_redirect_to_another_host_takes_no_token_along(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"pixels")
    desk, queries = Desk(), list[str]()
    with TinyWeb(tmp_path) as near, TinyWeb(tmp_path) as far, Web(wallet=Wallet()) as reader:
        near.gate = desk.gate
        far.gate = lambda _path, query: queries.append(query)
        url = Url(f"{near.url}/a.tif", True, Url(f"{near.url}/token/x", True))
        reader.ask("GET", url, 100)
        near.faults = [(302, f"{far.url}/a.tif")]
        assert reader.ask("GET", url, 100).body == b"pixels"
    assert queries == [""]


def test_the_services_of_providers_are_known_or_named() -> None:
    assert service_of("planetarycomputer.microsoft.com", "", "sentinel-2-l2a") == PC.text
    assert service_of("planetarycomputer.microsoft.com", "https://x/{collection}", "c") == (
        "https://x/c"
    )
    assert service_of("earth-search.aws.element84.com", "", "sentinel-2-l2a") == ""
    with pytest.raises(CatalogError, match="sign= with an http"):
        open_source("catalog.json#sign=file:///etc/passwd")


def test_a_saved_search_is_read_with_tokens_too(tmp_path: Path) -> None:
    item = {"type": "Feature", "id": "s0", "properties": {"datetime": "2026-04-01T00:00:00Z"},
            "assets": {"B04": {"href": BLOB}, "SCL": {"href": "here.tif"}}}  # fmt: skip
    path = tmp_path / "saved.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [item]}))
    source = open_source(f"{path}#sign=http://127.0.0.1:9/token/{{collection}}")
    assert isinstance(source, Signed)
    (found,) = source.items(None, None)
    assert isinstance(found, Item)
    paths = {asset.name: asset.path for asset in found.assets.values()}
    service = Url("http://127.0.0.1:9/token/sentinel-2-l2a", private=True)
    assert paths["B04"] == Url(BLOB, private=True, token_at=service)
    assert paths["SCL"] == (tmp_path / "here.tif").resolve()


@pytest.mark.parametrize(
    ("answer", "on", "lasts_s"),
    [
        ({"token": "sig=a", "msft:expiry": "2026-04-01T01:00:00Z"}, "Wed, 01 Apr 2026 00:00:00 GMT",
         3_600 - EARLY_S),
        ({"token": "sig=a"}, "Wed, 01 Apr 2026 00:00:00 GMT", UNSTATED_S),
        ({"token": "sig=a", "msft:expiry": "soon"}, "", UNSTATED_S),
        ({"token": "sig=a", "msft:expiry": "2026-04-01T01:00:00"}, "Wed, 01 Apr 2026 00:00:00 GMT",
         UNSTATED_S),
    ],
)  # fmt: skip
def test_a_tokens_end_is_reckoned_by_the_services_own_clock(
    answer: dict[str, object], on: str, lasts_s: float
) -> None:
    assert token_of(answer, on, 50.0, PC).until_s == 50.0 + lasts_s


@pytest.mark.parametrize(
    "answer", [{}, {"token": 3}, {"token": ""}, {"token": "a b"}, {"token": "a#b"}, {"token": "é"},
               {"token": "a\r\nhost: x"}, {"token": "a" * 9_000}],
)  # fmt: skip
def test_what_is_no_token_is_refused(answer: dict[str, object]) -> None:
    with pytest.raises(WebError, match="expected a token"):
        token_of(answer, "", 0.0, PC)
