// A walk around a plot: which fixes count, the corners that remain, the area and its error.
//
// The same formula as core/lending/walk.py (Bogaert, Delincé, Kay 2005,
// doi:10.1088/0957-0233/16/5/017); golden vectors hold the two together.

const EARTH_M = 6371008.8;
const SIGMA_OF_RADIUS = Math.sqrt(-2 * Math.log(0.32));
const Z_P10 = 1.2816;
export const ACCURACY_M_MAX = 15; // a worse fix is shown and not taken
export const CORNERS_MAX = 64;
const ACCURACY_CM_MIN = 50;
const STEP_M_MIN = 2;
const GRID = 48;
const TURN = 3_600_000_000;

/** A fix of the phone as integers; null if it is too uncertain to count. */
export function fixOf({ longitude, latitude, accuracy }) {
  if (!(accuracy <= ACCURACY_M_MAX)) return null;
  return {
    lon_e7: Math.round(longitude * 1e7), lat_e7: Math.round(latitude * 1e7),
    accuracy_cm: Math.max(ACCURACY_CM_MIN, Math.round(accuracy * 100)),
  };
}

/** Whether a fix is far enough from the one before to be a step and not a tremble. */
export function isStep(last, fix) {
  if (!last) return true;
  const [, [x, y]] = metres([[last.lon_e7, last.lat_e7], [fix.lon_e7, fix.lat_e7]]);
  return Math.hypot(x, y) >= STEP_M_MIN;
}

/** The corners of a walk: points nearer than one σ to the line of their neighbours go. */
export function corners(fixes) {
  if (fixes.length < 3) return fixes;
  const points = metres(fixes.map((fix) => [fix.lon_e7, fix.lat_e7]));
  const sigma = fixes.reduce((sum, fix) => sum + fix.accuracy_cm, 0) / fixes.length / 100 / SIGMA_OF_RADIUS;
  for (let tolerance = Math.max(sigma, 1); ; tolerance *= 1.3) {
    const kept = simplified(points, tolerance);
    if (kept.length <= CORNERS_MAX) return kept.length < 3 ? fixes.slice(0, 0) : kept.map((n) => fixes[n]);
  }
}

/** Douglas and Peucker 1973 on a ring, split at the point farthest from the first. */
function simplified(points, tolerance) {
  const far = points.reduce((best, p, n) => (Math.hypot(...p) > Math.hypot(...points[best]) ? n : best), 0);
  const keep = new Set([0, far]);
  const ring = [...points, points[0]];
  thin(ring, 0, far, tolerance, keep);
  thin(ring, far, ring.length - 1, tolerance, keep);
  keep.delete(ring.length - 1);
  return [...keep].sort((a, b) => a - b);
}

function thin(points, from, to, tolerance, keep) {
  let worst = 0;
  let at = 0;
  for (let n = from + 1; n < to; n++) {
    const off = offLine(points[n], points[from], points[to]);
    if (off > worst) [worst, at] = [off, n];
  }
  if (worst <= tolerance) return;
  keep.add(at);
  thin(points, from, at, tolerance, keep);
  thin(points, at, to, tolerance, keep);
}

function offLine([x, y], [ax, ay], [bx, by]) {
  const length = Math.hypot(bx - ax, by - ay);
  if (!length) return Math.hypot(x - ax, y - ay);
  const along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length ** 2;
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay));
}

/** Area, standard deviation and tenth percentile within corners [m²]. */
export function measure(ring, accuracyCm) {
  const points = metres(ring);
  const count = ring.length;
  const variances = accuracyCm.map((one) => (one / 100 / SIGMA_OF_RADIUS) ** 2);
  let twice = 0;
  let variance = 0;
  points.forEach(([x, y], n) => {
    const [nextX, nextY] = points[(n + 1) % count];
    const [lastX, lastY] = points[(n + count - 1) % count];
    twice += x * nextY - nextX * y;
    variance += (variances[n] * ((nextX - lastX) ** 2 + (nextY - lastY) ** 2)) / 4;
    variance += (variances[n] * variances[(n + 1) % count]) / 2;
  });
  const area = Math.abs(twice) / 2;
  const deviation = Math.sqrt(variance);
  return {
    area_m2: Math.floor(area + 0.5), sd_m2: Math.floor(deviation + 0.5),
    low_m2: Math.trunc(Math.max(0, area - Z_P10 * deviation)),
  };
}

/** Which known plots a ring lies over, and how much of the ring that is [percent]. */
export function overlaps(ring, plots) {
  const [[lon0]] = ring;
  const near = (points) => points.map(([lon, lat]) => [around(lon - lon0), lat]);
  const mine = near(ring);
  const box = bounds(mine);
  return plots.filter((plot) => plot.outline_e7)
    .map((plot) => ({ plot, outline: near(plot.outline_e7) }))
    .filter(({ outline }) => meets(box, bounds(outline)))
    .map(({ plot, outline }) => ({ plot, percent: shared(mine, outline, box) }))
    .filter((one) => one.percent >= 2)
    .sort((a, b) => b.percent - a.percent);
}

function shared(ring, other, [west, south, east, north]) {
  let inside = 0;
  let both = 0;
  for (let row = 0; row < GRID; row++) {
    for (let column = 0; column < GRID; column++) {
      const point = [west + ((column + 0.5) * (east - west)) / GRID, south + ((row + 0.5) * (north - south)) / GRID];
      if (holds(ring, point)) {
        inside += 1;
        both += holds(other, point) ? 1 : 0;
      }
    }
  }
  return inside ? Math.round((both * 100) / inside) : 0;
}

function holds(ring, [x, y]) {
  let odd = false;
  for (let n = 0, last = ring.length - 1; n < ring.length; last = n++) {
    const [ax, ay] = ring[n];
    const [bx, by] = ring[last];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}

const bounds = (ring) => ring.reduce(
  ([w, s, e, n], [x, y]) => [Math.min(w, x), Math.min(s, y), Math.max(e, x), Math.max(n, y)],
  [Infinity, Infinity, -Infinity, -Infinity],
);
const meets = (a, b) => a[0] <= b[2] && b[0] <= a[2] && a[1] <= b[3] && b[1] <= a[3];

/** Points on a plane that touches the ground at the first one [m]. */
export function metres(ring) {
  const [lon0, lat0] = ring[0];
  const scale = (Math.PI / 180 / 1e7) * EARTH_M;
  const across = scale * Math.cos(((lat0 / 1e7) * Math.PI) / 180);
  return ring.map(([lon, lat]) => [around(lon - lon0) * across, (lat - lat0) * scale]);
}

/** A difference of longitudes the short way, also over 180° [degrees × 10⁷]. */
const around = (lon) => lon - TURN * Math.floor((lon + TURN / 2) / TURN);
