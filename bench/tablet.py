"""How fast the agent's tablet is: first paint without a network, and search in 5,000 farmers.

Run as ``python -m bench.tablet``. A real Chromium with its processor held back six times
(``Emulation.setCPUThrottlingRate``), a real station on this machine, its server gone when
the page is opened. Prints one line of JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Any

from core.wire.records import Down
from edge_node.faces.tablet.application import shell_files, static_folder
from tests.support.centre import Served
from tests.support.chromium import chromium
from tests.support.kiosk import Elapsed
from tests.support.lending_station import Station, farmer, plot
from tests.support.tablet import door_of, tablet_pages

FARMERS = 5_000
THROTTLE = 6
PAINTS = 5
NAMES = ("Achieng", "Wanjiru", "Otieno", "Mwangi", "Chebet", "Kiprono", "Njeri", "Barasa")
SEARCHES = """async () => {
  const { find, indexOf } = await import("/tablet/find.js");
  const { vault } = await import("/tablet/vault.js");
  const db = await vault();
  const [farmers, subjects] = await Promise.all([db.getAll("farmers"), db.getAll("subjects")]);
  const begun = performance.now();
  const index = indexOf(farmers, subjects);
  const indexed = performance.now() - begun;
  const asked = ["a", "ac", "ach", "otieno 4", "farmer 4999", "zzz", "f-77", "field 12 ma"];
  const took = [];
  for (let turn = 0; turn < 20; turn++) {
    for (const one of asked) {
      const from = performance.now();
      find(index, one);
      took.push(performance.now() - from);
    }
  }
  const mean = took.reduce((a, b) => a + b) / took.length;
  return { farmers: farmers.length, indexed, worst: Math.max(...took), mean };
}"""
PAINTED = """() => new Promise((done) => {
  const look = () => {
    const found = performance.getEntriesByName("first-contentful-paint")[0];
    if (found && document.querySelector("#search")) done([found.startTime, performance.now()]);
    else setTimeout(look, 5);
  };
  look();
})"""


def populate(station: Station) -> None:
    """Five thousand farmers with a plot each."""
    station.populate(3)
    for n in range(4, FARMERS + 1):
        told = farmer(n, f"card-{n}")
        name = f"{NAMES[n % len(NAMES)]} Farmer {n}"
        station.centre.say(Down.FARMER, type(told)(told.farmer_id, name, "sw", "kijani", 4), 1)
        station.centre.say(Down.SUBJECT, plot(n), 1)
    station.centre.records_a_pull_max = 2_000
    station.take_down()


def measured() -> dict[str, Any]:
    """What a tablet takes, as one look measures it."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        station = Station(Path(folder))
        populate(station)
        served = Served(tablet_pages(station, Elapsed()))
        context = browser.new_context(viewport={"width": 390, "height": 844}, base_url=served.url)
        page = context.new_page()
        code, _ = door_of(station).invite("tab-1", ("agent-1", "Juma"), (), 14)
        begun = time.perf_counter()
        page.goto(f"/tablet/#enrol={code}")
        page.click("#enrol")
        page.wait_for_function(
            f"() => document.querySelector('#search')?.placeholder.includes('{FARMERS}')"
        )
        filled_s = time.perf_counter() - begun
        page.evaluate("() => navigator.serviceWorker.ready.then(() => 1)")
        while not page.evaluate("() => caches.match('/tablet/shell.json').then(Boolean)"):
            page.wait_for_timeout(100)
        found = page.evaluate(SEARCHES)
        served.close()
        context.set_offline(True)
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
        paints = []
        for _ in range(PAINTS):
            page.reload()
            paints.append(page.evaluate(PAINTED))
        slowed = page.evaluate(SEARCHES)
        context.close()
        station.close()
    parts = [path.read_bytes() for path in shell_files(static_folder()).values()]
    return {
        "shell_kb": round(sum(map(len, parts)) / 1000),
        "shell_gzip_kb": round(sum(len(zlib.compress(part, 6)) for part in parts) / 1000),
        "enrolled_and_filled_s": round(filled_s, 1),
        "first_offline_paint_6x_ms": round(statistics.median(paint for paint, _ in paints)),
        "usable_6x_ms": round(statistics.median(usable for _, usable in paints)),
        "search": {name: round(value, 2) for name, value in found.items()},
        "search_6x": {name: round(value, 2) for name, value in slowed.items()},
    }


def main() -> None:
    """Measure, and print."""
    sys.stdout.write(json.dumps(measured()) + "\n")


if __name__ == "__main__":
    main()
