"""Pictures at the station: fetched last and little by little, kept by hash, shown offline."""

from __future__ import annotations

import contextlib
from datetime import date

import httpx
import pytest
from fastapi import Response

from core.canonical import sha256_hex
from core.units import MS_PER_DAY
from core.wire.evidence import PictureRef
from core.wire.records import Down, EvidenceDigest
from edge_node.store import pictures
from edge_node.store.pictures import PICTURE_BYTES_MAX, RETRY_MS_MIN
from edge_node.sync.metering import Allowance
from edge_node.sync.pictures import PICTURES_A_ROUND_MAX
from edge_node.sync.rounds import sync_once
from edge_node.sync.wires import CentreClient
from server.services.downlink import newest_pictures
from tests.support.centre import Served, elapsed_ms
from tests.support.lending_station import Station
from tests.support.linked_station import Linked, linked_station
from tests.support.pictured_station import (
    CARD,
    deliver,
    draw_chips,
    kiosk_over,
    open_lines_with_cards,
    see,
)
from tests.support.pictures import picture

PLENTY = Allowance(picture_bytes_a_day_max=200_000)
OLD, NEW = date(2026, 4, 10), date(2026, 4, 15)
NONE_YET = "There is no picture from space here yet."


@pytest.fixture(scope="module")
def chips(tmp_path_factory):
    return draw_chips(tmp_path_factory.mktemp("chips"))


@pytest.fixture
def linked(tmp_path):
    with linked_station(tmp_path) as linked:
        linked.kit.clock.at_ms += 40 * MS_PER_DAY
        linked.station.at_ms = linked.kit.clock.at_ms
        open_lines_with_cards(linked.kit)
        yield linked


def of_day(chips, day):
    return {kind: data for (on, kind), data in chips.items() if on == day.isoformat()}


def settle(linked: Linked, client: CentreClient, allowance=PLENTY):
    """Round after round until nothing more may move now."""
    for _ in range(20):
        done = linked.station.sync(client, allowance)
        assert done.problem == ""
        if not done.more:
            return
    pytest.fail("expected the rounds to come to an end")


@contextlib.contextmanager
def at_kiosk(linked: Linked, farmer="farmer-a"):
    served = Served(kiosk_over(linked.station))
    try:
        with httpx.Client(base_url=served.url, follow_redirects=True, trust_env=False) as client:
            home = client.post("/identify", data={"card": CARD.format(farmer)})
            assert home.url.path == "/home", home.text
            yield client
    finally:
        served.close()


def held(linked, subject_id="plot-a1"):
    db = linked.station.db
    return {
        ref.kind: pictures.data_of(db, subject_id, ref.sha256)
        for ref in pictures.of_subject(db, subject_id)
    }


def test_a_farmer_sees_the_newest_pictures_of_a_plot_without_a_link(linked, chips):
    client = linked.client()
    settle(linked, client)
    with at_kiosk(linked) as visit:
        page = visit.get("/home").text
        assert NONE_YET in page
        assert "/pictures/" not in page
    for day in (OLD, NEW):
        see(linked.kit, "plot-a1", day, of_day(chips, day))
        deliver(linked.kit, of_day(chips, day))
    settle(linked, client)
    assert held(linked) == of_day(chips, NEW)
    linked.link.cut()  # from here on there is no centre
    with at_kiosk(linked) as visit:
        page = visit.get("/home").text
        assert "Picture from space of plot-a1 on 15 April 2026: how green each part is" in page
        assert "Picture from space of plot-a1 on 15 April 2026, in false colours" in page
        assert NONE_YET in page  # of the farmer's other plot
        for data in of_day(chips, NEW).values():
            shown = visit.get(f"/pictures/{sha256_hex(data)}")
            assert (shown.status_code, shown.content) == (200, data)
            assert shown.headers["content-type"] == "image/webp"
            assert shown.headers["content-security-policy"].startswith("default-src 'none'")
            assert shown.headers["x-content-type-options"] == "nosniff"
            assert shown.headers["cache-control"] == "no-store"
        token = page.partition('name="csrf" value="')[2].partition('"')[0]
        spoken = visit.post("/language", data={"csrf": token, "language": "sw"}).text
        assert "Picha kutoka angani ya plot-a1, 15 Aprili 2026: ukijani" in spoken
        assert "Bado hakuna picha kutoka angani hapa." in spoken


def test_only_its_farmer_sees_a_plot_s_picture(linked, chips):
    see(linked.kit, "plot-a1", NEW, of_day(chips, NEW))
    deliver(linked.kit, of_day(chips, NEW))
    settle(linked, linked.client())
    path = f"/pictures/{sha256_hex(chips[NEW.isoformat(), 'index'])}"
    with at_kiosk(linked, "farmer-b") as visit:
        assert visit.get(path).status_code == 404
        visit.post("/leave")
        away = visit.get(path, follow_redirects=False)
        assert (away.status_code, away.headers["location"]) == (303, "/")


def test_a_herd_s_page_shows_its_pasture(linked, chips):
    see(linked.kit, "pasture-1", NEW, of_day(chips, NEW))
    deliver(linked.kit, of_day(chips, NEW))
    settle(linked, linked.client())
    assert held(linked, "pasture-1") == of_day(chips, NEW)
    sha256 = sha256_hex(chips[NEW.isoformat(), "index"])
    with at_kiosk(linked, "farmer-b") as visit:
        assert visit.get(f"/pictures/{sha256}").status_code == 200


def test_the_older_picture_stays_until_the_newer_has_come(linked, chips):
    client, new = linked.client(), of_day(chips, NEW)
    see(linked.kit, "plot-a1", OLD, of_day(chips, OLD))
    deliver(linked.kit, of_day(chips, OLD))
    settle(linked, client)
    see(linked.kit, "plot-a1", NEW, new)
    settle(linked, client)
    assert held(linked) == of_day(chips, OLD)
    assert [one.tries_count for one in pictures.wanted(linked.station.db)] == [1, 1]
    deliver(linked.kit, new)
    settle(linked, client)
    assert held(linked) == of_day(chips, OLD)  # not asked for again at once
    linked.station.at_ms += RETRY_MS_MIN
    settle(linked, client)
    assert held(linked) == new
    assert pictures.wanted(linked.station.db) == ()
    count = linked.station.db.execute("SELECT count(*) FROM pictures").fetchone()[0]
    assert count == 2


def test_a_day_s_bytes_bound_what_comes(linked, chips):
    client, new = linked.client(), of_day(chips, NEW)
    see(linked.kit, "plot-a1", NEW, new)
    deliver(linked.kit, new)
    settle(linked, client, Allowance())
    assert held(linked) == {}
    one_only = Allowance(picture_bytes_a_day_max=max(map(len, new.values())) + 1_500)
    for days in (1, 2):
        settle(linked, client, one_only)
        assert len(held(linked)) == days
        moved = linked.station.db.execute("SELECT moved_bytes FROM picture_days").fetchall()
        assert len(moved) == days
        assert all(0 < each <= one_only.picture_bytes_a_day_max for (each,) in moved)
        linked.station.at_ms += MS_PER_DAY


def test_pictures_wait_for_the_rest_and_come_few_a_round(linked, chips):
    client = linked.client()
    settle(linked, client)
    data = {n: picture(tone=n) for n in range(6)}
    plots = ("plot-a1", "plot-a2", "plot-b1")
    for n, plot in enumerate(plots):
        named = {"true_color": data[2 * n], "index": data[2 * n + 1]}
        see(linked.kit, plot, NEW, named)
        deliver(linked.kit, named)
    linked.station.money(1)
    first = linked.station.sync(client, PLENTY)
    assert (first.problem, first.pushed_records_count, first.more) == ("", 1, True)
    assert sum(len(held(linked, plot)) for plot in plots) == PICTURES_A_ROUND_MAX
    assert not linked.station.sync(client, PLENTY).more
    assert sum(len(held(linked, plot)) for plot in plots) == len(data)


def test_the_newest_day_counts_and_true_colours_before_false():
    def ref(kind, day):
        return PictureRef(kind, day, sha256_hex(f"{kind}{day}".encode()), "image/webp", 9)

    named = [ref("index", "2026-04-10"), ref("false_color", "2026-04-15"),
             ref("true_color", "2026-04-15"), ref("curve", "2026-04-20"),
             ref("index", "2026-04-12"), ref("true_color", "2026-04-10")]  # fmt: skip
    assert newest_pictures(named) == (named[2], named[4])
    assert newest_pictures(named[3:4]) == ()


class Answering:
    """A station whose centre answers for pictures as a test says."""

    def __init__(self, folder, answer, refs):
        self.station = Station(folder)
        self.asked: list[str] = []
        app = self.station.centre.application()

        @app.get("/api/v1/blobs/{sha256}")
        def blob(sha256: str) -> Response:
            self.asked.append(sha256)
            return answer

        self.station.populate()
        digest = EvidenceDigest(
            "ev-1", "ab" * 32, "plot-1", "2026-04-01", "vegetative", pictures=refs
        )
        self.station.centre.say(Down.EVIDENCE, digest, self.station.at_ms)
        self.served = Served(app)
        self.client = CentreClient(self.served.url, elapsed_ms)

    def sync(self):
        station = self.station
        return sync_once(station.db, station.ends, self.client, station.clock, PLENTY)

    def close(self):
        self.client.close()
        self.served.close()
        self.station.close()


GOOD = picture()


@pytest.mark.parametrize(
    "answer",
    [
        Response(picture(tone=91), media_type="image/webp"),
        Response(GOOD[:-1]),
        Response(b"x" * 70_000),
        Response("a fault", status_code=503),
        Response("not here", status_code=404),
    ],
    ids=["other-bytes", "cut-short", "too-much", "fault", "missing"],
)
def test_what_is_not_the_picture_is_not_kept_and_fails_no_round(tmp_path, answer):
    ref = PictureRef("true_color", "2026-04-01", sha256_hex(GOOD), "image/webp", len(GOOD))
    with contextlib.closing(Answering(tmp_path, answer, (ref,))) as at:
        for _ in range(2):
            assert at.sync().problem == ""
        assert pictures.of_subject(at.station.db, "plot-1") == ()
        assert at.asked == [ref.sha256]
        (waiting,) = pictures.wanted(at.station.db)
        assert waiting.tries_count == 1
        at.station.at_ms -= MS_PER_DAY  # a clock that was set back is no reason to wait
        at.sync()
        assert len(at.asked) == 2


def test_a_name_that_no_picture_can_have_is_never_asked_for(tmp_path):
    good = PictureRef("true_color", "2026-04-01", sha256_hex(GOOD), "image/webp", len(GOOD))
    bad = tuple(
        PictureRef(*each)
        for each in (
            ("curve", good.day, good.sha256, good.media_type, good.size_bytes),
            ("index", good.day, "../" + "a" * 61, good.media_type, good.size_bytes),
            ("index", good.day, good.sha256, "text/html", good.size_bytes),
            ("index", good.day, good.sha256, good.media_type, PICTURE_BYTES_MAX + 1),
            ("index", good.day, good.sha256, good.media_type, 0),
        )
    )
    with contextlib.closing(Answering(tmp_path, Response(GOOD), bad)) as at:
        assert at.sync().problem == ""
        assert at.asked == []
