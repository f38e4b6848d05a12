// Plots as numbers: read from the compact answer, classed, gathered into hexagons, found again.
// It draws nothing and asks nobody; map.js does.
window.HarvestlinePlots = (() => {
  "use strict";
  const WORLD = 256; // the whole earth's side at zoom 0 [px]
  const HALF = 2 ** 24; // more hexagons than the earth has beside each other at the nearest zoom

  const east = (e7) => (e7 / 1e7 + 180) / 360 * WORLD;
  const north = (e7) => {
    const turn = Math.sin(e7 / 1e7 * Math.PI / 180);
    return (0.5 - Math.log((1 + turn) / (1 - turn)) / (4 * Math.PI)) * WORLD;
  };

  // Corners in Mercator's world at zoom 0, and of each plot its box and its middle.
  const read = (told) => {
    if (told.format !== 1) throw new Error(`format ${told.format}`);
    const count = told.id.length;
    const starts = new Uint32Array(count + 1);
    const xs = new Float64Array(told.way.length / 2);
    const ys = new Float64Array(told.way.length / 2);
    const box = new Float64Array(4 * count);
    const middle = new Float64Array(2 * count);
    const sizes = [];
    let [firstX, firstY, at] = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      starts[i] = at;
      let [x, y] = [firstX, firstY];
      let [west, top, right, low] = [Infinity, Infinity, -Infinity, -Infinity];
      for (let k = 0; k < told.corners[i]; k++, at++) {
        x += told.way[2 * at];
        y += told.way[2 * at + 1];
        if (!k) [firstX, firstY] = [x, y];
        const px = xs[at] = east(x * told.grid_e7);
        const py = ys[at] = north(y * told.grid_e7);
        west = Math.min(west, px); right = Math.max(right, px);
        top = Math.min(top, py); low = Math.max(low, py);
      }
      box.set([west, top, right, low], 4 * i);
      middle.set([(west + right) / 2, (top + low) / 2], 2 * i);
      sizes.push(Math.max(right - west, low - top));
    }
    starts[count] = at;
    sizes.sort((a, b) => a - b);
    const isPasture = new Uint8Array(count);
    for (const i of told.pasture) isPasture[i] = 1;
    const order = [...told.id.keys()].sort((a, b) => isPasture[b] - isPasture[a] || a - b);
    return { ...told, count, starts, xs, ys, box, middle, isPasture, order,
      size: sizes[count >> 1] || 0 };
  };

  // The place of a value's class; -1 for what is not known.
  const classOf = (measure, value) => {
    if (value === null || value === undefined) return -1;
    const at = measure.tones.findIndex((tone) => tone.below !== undefined && value < tone.below);
    return at < 0 ? measure.tones.length - 1 : at;
  };

  const quantile = (sorted, share) => {
    const at = (sorted.length - 1) * share;
    const low = Math.floor(at);
    return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  };

  // What is said of many plots: the median with its quartiles, or the class that most are in.
  const tell = (measure, values, members) => {
    const known = Float64Array.from(members.map((i) => values[i]).filter((value) => value !== null));
    const found = { count: members.length, unknown: members.length - known.length, tone: -1 };
    if (!known.length) return found;
    known.sort();
    if (measure.median) {
      found.median = quantile(known, 0.5);
      [found.low, found.high] = [quantile(known, 0.25), quantile(known, 0.75)];
      found.tone = classOf(measure, found.median);
    } else {
      const counts = measure.tones.map(() => 0);
      for (const value of known) counts[classOf(measure, value)]++;
      found.most = Math.max(...counts);
      found.tone = counts.lastIndexOf(found.most); // of two alike, the graver
    }
    return found;
  };

  // Pointed hexagons of a radius in a world of 2^zoom; they lie still when the map is moved.
  const hexagons = (plots, zoom, radius) => {
    const scale = 2 ** zoom;
    const cells = new Map();
    for (let i = 0; i < plots.count; i++) {
      const x = plots.middle[2 * i] * scale / radius;
      const y = plots.middle[2 * i + 1] * scale / radius;
      const [q, r] = rounded(Math.sqrt(3) / 3 * x - y / 3, 2 / 3 * y);
      const key = (q + HALF) * 2 * HALF + r + HALF;
      const cell = cells.get(key);
      if (cell) cell.members.push(i);
      else {
        cells.set(key, { members: [i], x: Math.sqrt(3) * (q + r / 2) * radius,
          y: 1.5 * r * radius });
      }
    }
    return [...cells.values()];
  };
  const rounded = (q, r) => {
    let [a, b] = [Math.round(q), Math.round(r)];
    const c = Math.round(-q - r);
    const [da, db, dc] = [Math.abs(a - q), Math.abs(b - r), Math.abs(c + q + r)];
    if (da > db && da > dc) a = -b - c;
    else if (db > dc) b = -a - c;
    return [a, b];
  };

  // The uppermost plot at a place of the world at zoom 0.
  const plotAt = (plots, x, y) => {
    for (let n = plots.count - 1; n >= 0; n--) {
      const i = plots.order[n];
      const b = 4 * i;
      if (x < plots.box[b] || x > plots.box[b + 2]) continue;
      if (y < plots.box[b + 1] || y > plots.box[b + 3]) continue;
      if (inside(plots, i, x, y)) return i;
    }
    return -1;
  };
  const inside = ({ starts, xs, ys }, i, x, y) => {
    let within = false;
    for (let a = starts[i], b = starts[i + 1] - 1; a < starts[i + 1]; b = a++) {
      const crosses = (ys[a] > y) !== (ys[b] > y);
      if (crosses && x < (xs[b] - xs[a]) * (y - ys[a]) / (ys[b] - ys[a]) + xs[a]) within = !within;
    }
    return within;
  };

  // Around some plots, or around all: a box in the world at zoom 0; null around none.
  const around = (plots, members) => {
    const of = members || plots.order;
    if (!of.length) return null;
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const i of of) {
      box[0] = Math.min(box[0], plots.box[4 * i]);
      box[1] = Math.min(box[1], plots.box[4 * i + 1]);
      box[2] = Math.max(box[2], plots.box[4 * i + 2]);
      box[3] = Math.max(box[3], plots.box[4 * i + 3]);
    }
    return box;
  };

  // Each village where its plots lie, the one with most plots first.
  const villages = (plots) => {
    const members = plots.villages.map(() => []);
    plots.village.forEach((v, i) => members[v].push(i));
    return members.map((of, v) => ({ name: plots.villages[v], box: around(plots, of),
      members: of, count: of.length })).filter((one) => one.name).sort((a, b) => b.count - a.count);
  };

  return { read, classOf, tell, hexagons, plotAt, around, villages };
})();
