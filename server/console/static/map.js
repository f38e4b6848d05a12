// Draws the plots on a canvas: hexagons when far, outlines when near. The list under the map
// holds the same plots and needs none of this.
(() => {
  "use strict";
  const place = document.getElementById("map");
  const tools = window.HarvestlinePlots;
  if (!place || !window.L || !tools) return;
  const RADIUS_PX = 30; // of a hexagon
  const EDGE_PX = 48; // kept free beside what is looked at: a hexagon is larger than its plots
  const NEAR_PX = 7; // a plot of the middle size is drawn as itself from this width on
  const FEW = 40; // so many are always drawn as themselves
  const KEPT_MAX = 4; // answers, to go back to
  const SLICE_MS = 16; // of drawing, until the page may do something else
  const NAME_PX = 12; // above and below the middle of a village's name
  const LOOK_EVERY = 64; // plots, until the clock is looked at
  const NEAREST_ZOOM = 18;
  const said = document.getElementById("map-said");
  const { words, measures } = JSON.parse(place.dataset.words);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const figures = new Intl.NumberFormat(document.documentElement.lang);
  const fill = (pattern, told) => pattern.replace(/\{(\w+)\}/g, (_, name) => told[name]);
  const node = (text, tag = "div") => Object.assign(document.createElement(tag), { textContent: text });

  const map = L.map(place, { attributionControl: false, zoomAnimation: !calm, fadeAnimation: !calm,
    zoomSnap: 0.5, minZoom: 3, maxZoom: NEAREST_ZOOM });
  L.control.scale({ imperial: false }).addTo(map);
  const whole = L.control({ position: "topleft" });
  whole.onAdd = () => {
    const bar = L.DomUtil.create("div", "leaflet-bar");
    const button = Object.assign(node("", "a"), { href: "#", title: words.all, role: "button" });
    button.append(document.getElementById("map-whole").content.cloneNode(true));
    button.setAttribute("aria-label", words.all);
    L.DomEvent.disableClickPropagation(bar);
    L.DomEvent.on(button, "click", (event) => { L.DomEvent.stop(event); if (plots) fit(); });
    bar.append(button);
    return bar;
  };
  whole.addTo(map);
  const under = Boolean(place.dataset.tiles && window.pmtiles);
  let plots = null; // as they were read
  let shown = []; // hexagons in view, or plots, as they were laid
  let asked = { by: "", source: "" };
  let far = false;
  let names = []; // of villages, where they were written

  // The legend's own colours, so that the stylesheet stays the one source of them.
  let paints = {};
  const mix = () => {
    const of = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    paints = { ink: of("--hl-ink"), card: of("--hl-card"), sunk: of("--hl-sunk"), font: of("--hl-font") };
    for (const key of document.querySelectorAll(".legend [data-tone]")) {
      paints[key.dataset.tone] = getComputedStyle(key).fill;
    }
  };
  const toneOf = (place_) => paints[place_ < 0 ? "none" : measures[asked.by].tones[place_].tone];
  // Dark words on a pale ground and pale ones on a dark ground (WCAG's relative luminance).
  const onto = (colour) => {
    const [r, g, b] = colour.match(/\d+/g).map((n) => {
      const v = n / 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.2 ? "#17190f" : "#ffffff";
  };

  // Drawing: in slices, on a sheet behind, which is laid down whole. What lies is moved and scaled
  // with the map until then.
  const canvas = L.DomUtil.create("canvas", "leaflet-zoom-animated", map.getPanes().overlayPane);
  const sheet = document.createElement("canvas");
  const pen = sheet.getContext("2d", { willReadFrequently: true });
  let waits = 0;
  let changed = false; // since the drawing was begun
  let drawing = null;
  let laid = null;
  let cells = { of: null, zoom: 0, found: [] };
  const soon = () => {
    changed = true;
    place.dataset.drawing = "";
    waits ||= requestAnimationFrame(draw);
  };
  const draw = () => {
    waits = 0;
    if (!plots || !map._loaded || map._animatingZoom) { drawing = null; return; }
    if (drawing && (drawing.of !== plots || drawing.by !== asked.by || drawing.zoom !== map.getZoom())) drawing = null;
    if (!drawing) {
      changed = false;
      drawing = begun();
    }
    const until = performance.now() + SLICE_MS;
    let isDone = false;
    while (!isDone && performance.now() < until) {
      isDone = drawing.steps.next().done;
      pen.getImageData(0, 0, 1, 1); // paints what was only noted, so that its time is in the slice
    }
    if (isDone) put();
    if (drawing || changed) waits = requestAnimationFrame(draw);
    else delete place.dataset.drawing;
  };
  const begun = () => {
    const size = map.getSize();
    const [dpr, zoom] = [window.devicePixelRatio || 1, map.getZoom()];
    const at = map.containerPointToLatLng([0, 0]);
    const { x, y } = map.project(at, zoom);
    [sheet.width, sheet.height] = [size.x * dpr, size.y * dpr];
    pen.setTransform(dpr, 0, 0, dpr, 0, 0);
    const scale = 2 ** zoom;
    const view = { size, zoom, scale, x, y, at, shown: [], names: [], of: plots, by: asked.by,
      far: plots.count > FEW && plots.size * scale < NEAR_PX };
    view.steps = steps(view);
    return view;
  };
  const steps = function* (view) {
    if (view.far) yield* drawHexagons(view);
    else yield* drawPlots(view);
    drawVillages(view);
    drawCross(view);
  };
  const put = () => {
    [laid, drawing] = [drawing, null];
    ({ far, shown, names } = laid);
    if (canvas.width !== sheet.width || canvas.height !== sheet.height) {
      [canvas.width, canvas.height] = [sheet.width, sheet.height];
      [canvas.style.width, canvas.style.height] = [`${laid.size.x}px`, `${laid.size.y}px`];
    }
    const front = canvas.getContext("2d");
    front.clearRect(0, 0, canvas.width, canvas.height);
    front.drawImage(sheet, 0, 0);
    hold();
    if (!place.dataset.drawn) performance.mark("map-drawn");
    place.dataset.drawn = String(plots.count);
    place.dataset.shape = far ? "hexagons" : "plots";
    place.dataset.shown = String(shown.length);
    place.dataset.names = names.map(({ x, y }) => `${Math.round(x)},${Math.round(y)}`).join(" ");
    summarise();
  };
  const hold = (to = null) => { // where the map is, or where it is going
    if (!laid) return;
    const at = to ? map._latLngToNewLayerPoint(laid.at, to.zoom, to.center) : map.latLngToLayerPoint(laid.at);
    L.DomUtil.setTransform(canvas, at, map.getZoomScale(to ? to.zoom : map.getZoom(), laid.zoom));
  };
  const drawHexagons = function* (view) {
    if (cells.of !== plots || cells.zoom !== view.zoom) {
      cells = { of: plots, zoom: view.zoom, found: tools.hexagons(plots, view.zoom, RADIUS_PX) };
    }
    yield;
    const measure = measures[view.by];
    const values = plots[view.by];
    view.shown = cells.found.filter((cell) => {
      [cell.px, cell.py] = [cell.x - view.x, cell.y - view.y];
      return cell.px > -RADIUS_PX && cell.px < view.size.x + RADIUS_PX
        && cell.py > -RADIUS_PX && cell.py < view.size.y + RADIUS_PX;
    });
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    let n = 0;
    for (const cell of view.shown) {
      if (++n % LOOK_EVERY === 0) yield;
      if (cell.by !== view.by) [cell.by, cell.told] = [view.by, tools.tell(measure, values, cell.members)];
      const tone = toneOf(cell.told.tone);
      pen.beginPath();
      for (let k = 0; k < 6; k++) {
        const turn = Math.PI / 3 * k + Math.PI / 6;
        pen.lineTo(cell.px + (RADIUS_PX - 1) * Math.cos(turn), cell.py + (RADIUS_PX - 1) * Math.sin(turn));
      }
      pen.closePath();
      pen.globalAlpha = under ? 0.82 : 1;
      pen.fillStyle = tone;
      pen.fill();
      pen.globalAlpha = 1;
      pen.strokeStyle = paints.ink;
      pen.lineWidth = 1;
      pen.stroke();
      pen.fillStyle = onto(tone);
      pen.font = `640 ${cell.told.count > 9999 ? 12 : 14}px ${paints.font}`;
      pen.fillText(figures.format(cell.told.count), cell.px, cell.py + 1);
    }
  };
  const drawPlots = function* (view) {
    const measure = measures[view.by];
    const values = plots[view.by];
    view.shown = plots.order.filter((i) => {
      const b = 4 * i;
      return plots.box[b + 2] * view.scale >= view.x && plots.box[b] * view.scale <= view.x + view.size.x
        && plots.box[b + 3] * view.scale >= view.y && plots.box[b + 1] * view.scale <= view.y + view.size.y;
    });
    pen.lineJoin = "round";
    const wide = plots.size * view.scale;
    let n = 0;
    for (const i of view.shown) {
      if (++n % LOOK_EVERY === 0) yield;
      const tone = toneOf(tools.classOf(measure, values[i]));
      pen.beginPath();
      for (let at = plots.starts[i]; at < plots.starts[i + 1]; at++) {
        pen.lineTo(plots.xs[at] * view.scale - view.x, plots.ys[at] * view.scale - view.y);
      }
      pen.closePath();
      pen.setLineDash(plots.isPasture[i] ? [7, 5] : []);
      pen.globalAlpha = under ? 0.18 : plots.isPasture[i] ? 0.4 : 1;
      pen.fillStyle = tone;
      pen.fill();
      pen.globalAlpha = 1;
      if (under) { // a light line below, so that green is seen on green
        pen.strokeStyle = "#ffffff";
        pen.lineWidth = 7;
        pen.stroke();
      }
      pen.strokeStyle = under ? tone : paints.ink;
      pen.lineWidth = under ? 4 : wide < 20 ? 0.75 : 1.25;
      pen.stroke();
    }
    pen.setLineDash([]);
  };
  // Names stand beside their plots; one that would lie over another, or over a count, is left out.
  const drawVillages = (view) => {
    const taken = view.far ? view.shown.map((cell) => ({ x: cell.px, y: cell.py, wide: 16, tall: 9 })) : [];
    const isFree = (x, y, wide) => x > wide && x < view.size.x - wide && y > 12 && y < view.size.y - 12
      && !taken.some((t) => Math.abs(t.x - x) < t.wide + wide && Math.abs(t.y - y) < t.tall + 10);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.font = `680 14px ${paints.font}`;
    pen.lineJoin = "round";
    for (const village of plots.named) {
      const wide = pen.measureText(village.name).width / 2 + 4;
      const [left, top, right, low] = village.box.map((n, k) => n * view.scale - (k % 2 ? view.y : view.x));
      const [x, y, gap] = [(left + right) / 2, (top + low) / 2, view.far ? RADIUS_PX * 0.85 : 14];
      const spots = [[x, top - gap], [x, low + gap], [right + gap + wide, y], [left - gap - wide, y]];
      const spot = spots.find(([sx, sy]) => isFree(sx, sy, wide));
      if (!spot) continue;
      taken.push({ x: spot[0], y: spot[1], wide, tall: 10 });
      view.names.push({ village, x: spot[0], y: spot[1], wide });
      pen.strokeStyle = paints.card;
      pen.lineWidth = 5;
      pen.strokeText(village.name, ...spot);
      pen.fillStyle = paints.ink;
      pen.fillText(village.name, ...spot);
    }
  };
  const byKeys = () => place.matches(":focus-visible");
  const drawCross = ({ size }) => {
    if (!byKeys()) return;
    const [x, y] = [Math.round(size.x / 2), Math.round(size.y / 2)];
    for (const [colour, wide] of [[paints.card, 6], [paints.ink, 2]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = wide;
      pen.beginPath();
      for (const [dx, dy] of [[1, 0], [0, 1]]) {
        pen.moveTo(x - 14 * dx, y - 14 * dy);
        pen.lineTo(x + 14 * dx, y + 14 * dy);
      }
      pen.stroke();
    }
  };

  // What lies at a point of the map, and what is said of it
  const at = (point) => {
    if (!plots || !map._loaded) return null;
    if (far) {
      const named = names.find((n) => Math.abs(n.x - point.x) < n.wide && Math.abs(n.y - point.y) < NAME_PX);
      if (named) return { village: named.village };
      const near = shown.map((cell) => [Math.hypot(cell.px - point.x, cell.py - point.y), cell]);
      const found = near.reduce((a, b) => (b[0] < a[0] ? b : a), [RADIUS_PX, null])[1];
      return found && { cell: found };
    }
    const world = map.project(map.containerPointToLatLng(point), 0);
    const found = tools.plotAt(plots, world.x, world.y);
    return found < 0 ? null : { plot: found };
  };
  const value = (by, told) => {
    if (by === "greenness") return `${told > 0 ? "+" : told < 0 ? "−" : ""}${figures.format(Math.abs(Math.round(told)))} %`;
    if (by === "risk") return `${figures.format(Math.round(told) / 10)} %`;
    return measures[by].tones[tools.classOf(measures[by], told)].words;
  };
  const ofPlot = (i) => {
    const told = [plots.crops[plots.crop[i]], plots.villages[plots.village[i]]].filter(Boolean).join(" · ");
    return [told.charAt(0).toUpperCase() + told.slice(1), ...Object.keys(measures).filter((by) => plots[by][i] !== null)
      .map((by) => `${measures[by].name}: ${value(by, plots[by][i])}`)];
  };
  const ofCell = ({ told }) => {
    const count = (n) => figures.format(n);
    const rows = [fill(words.count, { count: count(told.count) })];
    if (told.median !== undefined) {
      rows.push(`${measures[asked.by].name} · ${fill(words.median, { value: value(asked.by, told.median) })}`);
      rows.push(fill(words.half, { low: value(asked.by, told.low), high: value(asked.by, told.high) }));
    } else if (told.most) {
      const most = measures[asked.by].tones[told.tone].words;
      rows.push(`${measures[asked.by].name} · ${fill(words.most, { value: most, count: count(told.most) })}`);
    }
    if (told.unknown) rows.push(fill(words.unknown, { count: count(told.unknown) }));
    return rows;
  };
  const rowsOf = (found) => {
    if (found.village) return [found.village.name];
    return found.cell ? ofCell(found.cell) : ofPlot(found.plot);
  };
  const open = (found) => {
    if (!found) return;
    if (found.plot !== undefined) location.assign(place.dataset.plots + encodeURIComponent(plots.id[found.plot]));
    else fit(found.village ? found.village.members : found.cell.members);
  };
  const summarise = () => {
    if (!plots.count) { said.textContent = words.empty; return; }
    const inView = far ? shown.reduce((sum, cell) => sum + cell.members.length, 0) : shown.length;
    const told = { plots: figures.format(inView), hexagons: figures.format(shown.length) };
    const parts = [inView ? fill(far ? words.far : words.near, told) : words.none];
    if (plots.capped) {
      parts.push(fill(words.capped, { drawn: figures.format(plots.id.length), asked: figures.format(plots.asked) }));
    }
    const size = map.getSize();
    const here = byKeys() && at(L.point(size.x / 2, size.y / 2));
    if (here) parts.unshift(`${fill(words.here, { what: rowsOf(here).join(", ") })}.`);
    const text = parts.join(" ");
    if (said.textContent !== text) said.textContent = text;
  };
  const hint = L.tooltip({ direction: "top", offset: [0, -10], opacity: 1 });
  const point = (event) => {
    const found = at(event.containerPoint);
    place.classList.toggle("points", Boolean(found));
    if (!found) { hint.remove(); return; }
    const content = document.createElement("div");
    rowsOf(found).forEach((row, k) => content.append(node(row, k ? "div" : "strong")));
    hint.setContent(content).setLatLng(event.latlng);
    if (!map.hasLayer(hint)) hint.addTo(map);
  };

  // Where the map looks: at what was found, or where the address says
  const latLng = (x, y) => map.unproject(L.point(x, y), 0);
  const fit = (members) => {
    const box = tools.around(plots, members);
    if (!box) { if (!map._loaded) map.setView([0, 0], 3); return; }
    map.fitBounds(L.latLngBounds(latLng(box[0], box[1]), latLng(box[2], box[3])),
      { padding: [EDGE_PX, EDGE_PX], maxZoom: NEAREST_ZOOM - 1, animate: !calm && Boolean(members) });
  };
  const fromAddress = () => {
    const found = /^#(\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)\/(-?\d+(?:\.\d+)?)$/.exec(location.hash);
    if (found) map.setView([Number(found[2]), Number(found[3])], Number(found[1]), { animate: false });
    return Boolean(found);
  };
  const toAddress = () => {
    const { lat, lng } = map.getCenter();
    const hash = `#${map.getZoom()}/${lat.toFixed(5)}/${lng.toFixed(5)}`;
    history.replaceState(history.state, "", location.pathname + location.search + hash);
  };

  map.on("move zoom", () => hold());
  map.on("move resize", soon);
  map.on("moveend", () => { soon(); if (plots?.settled) toAddress(); });
  map.on("zoomstart movestart", () => hint.remove());
  map.on("zoomanim", (event) => {
    drawing = null;
    hold(event);
  });
  map.on("mousemove", point);
  map.on("mouseout", () => hint.remove());
  map.on("click", (event) => open(at(event.containerPoint)));
  place.addEventListener("focus", soon);
  place.addEventListener("blur", soon);
  place.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target !== place) return;
    const size = map.getSize();
    open(at(L.point(size.x / 2, size.y / 2)));
  });
  const remix = () => { mix(); soon(); };
  new MutationObserver(remix).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  for (const wish of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) {
    matchMedia(wish).addEventListener("change", remix);
  }

  // Reading: the list says what was asked for; what was read lately is only asked after
  const kept = new Map();
  let reading = null;
  const breath = async (signal) => { // lets the page do something else
    await new Promise((done) => { setTimeout(done); });
    signal.throwIfAborted();
  };
  // The list's own reading is asked for by its key: what it counted is what is drawn.
  const withKey = (source, key) => `${source}${source.includes("?") ? "&" : "?"}reading=${encodeURIComponent(key)}`;
  const read = async (source, key) => {
    reading?.abort();
    reading = new AbortController();
    const { signal } = reading;
    const known = kept.get(source);
    const headers = known ? { "if-none-match": known.etag } : {};
    const answer = await fetch(withKey(source, key), { credentials: "same-origin", headers, signal });
    if (answer.status === 304) return known.plots;
    if (!answer.ok) throw new Error(String(answer.status));
    const told = await answer.json();
    await breath(signal);
    const found = tools.read(told);
    await breath(signal);
    found.named = tools.villages(found);
    kept.delete(source);
    kept.set(source, { etag: answer.headers.get("etag"), plots: found });
    if (kept.size > KEPT_MAX) kept.delete(kept.keys().next().value);
    return found;
  };
  const follow = async () => {
    const list = document.getElementById("plots");
    if (!list) return;
    const { by, source, reading: key } = list.dataset;
    if (by !== asked.by) {
      for (const legend of document.querySelectorAll(".legend[data-by]")) legend.hidden = legend.dataset.by !== by;
    }
    const isNew = source !== asked.source;
    asked = { by, source };
    if (!isNew) { soon(); return; }
    try {
      const found = await read(source, key);
      const first = !plots;
      plots = found;
      if (!(first && fromAddress())) fit();
      plots.settled = true;
      soon();
    } catch (error) {
      if (error.name !== "AbortError") said.textContent = fill(words.failed, { why: error.message });
    }
  };

  // A tile is drawn on a canvas: no picture without words, and no address made of its bytes.
  const paint = async (archive, tileCanvas, coords, done) => {
    try {
      const tile = await archive.getZxy(coords.z, coords.x, coords.y);
      if (tile) {
        const picture = await createImageBitmap(new Blob([tile.data]));
        [tileCanvas.width, tileCanvas.height] = [picture.width, picture.height];
        tileCanvas.getContext("2d").drawImage(picture, 0, 0);
      }
      done(null, tileCanvas);
    } catch (error) {
      done(error, tileCanvas);
    }
  };
  const lay = async () => {
    const archive = new pmtiles.PMTiles(place.dataset.tiles);
    const header = await archive.getHeader();
    const layer = L.gridLayer({ minNativeZoom: header.minZoom, maxNativeZoom: header.maxZoom,
      bounds: [[header.minLat, header.minLon], [header.maxLat, header.maxLon]] });
    layer.createTile = (coords, done) => {
      const tile = document.createElement("canvas");
      tile.className = "seen";
      paint(archive, tile, coords, done);
      return tile;
    };
    layer.on("loading", () => { delete place.dataset.seen; });
    layer.on("load", () => { place.dataset.seen = "all"; });
    layer.addTo(map);
  };
  if (under) {
    lay().catch((error) => place.after(node(fill(words.picture, { why: error.message }), "p")));
  }

  mix();
  follow();
  new MutationObserver(follow).observe(document.getElementById("main"), { childList: true, subtree: false });
})();
