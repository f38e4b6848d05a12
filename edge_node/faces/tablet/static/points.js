// The compact model in a browser: integer points, added. No dependency, no division.
//
// The same as core/scoring/points.py and the generated C header: the same integer and the
// same reasons for the same table. `table` is the "table" of a model document as parsed
// from JSON; `inputs` maps a feature's name to an integer of at most 32 bits. A feature
// that is absent, null or undefined is missing.

const REASONS_MAX = 4;
const INT32_MIN = -2147483648;
const INT32_MAX = 2147483647;

/** The score of an application. Throws RangeError on an input that is no 32-bit integer. */
export function score(table, inputs) {
  let total = table.base;
  for (const one of table.features) {
    total += ofOne(one, inputs);
  }
  for (const two of table.pairs) {
    total += ofTwo(two, inputs);
  }
  return total;
}

/** The probability of default that belongs to a score [ppm]. */
export function pdPpm(table, points) {
  let found = table.pd_steps[0].pd_ppm;
  for (const step of table.pd_steps) {
    if (points >= step.score_min) {
      found = step.pd_ppm;
    }
  }
  return found;
}

/** What cost the most points, worst first, four at most: [{feature, points}, …]. */
export function lostPoints(table, inputs) {
  const lost = new Map();
  const add = (feature, points) => lost.set(feature, (lost.get(feature) ?? 0) + points);
  for (const one of table.features) {
    add(one.feature, one.reference_points - ofOne(one, inputs));
  }
  for (const two of table.pairs) {
    add(two.first, two.reference_points - ofTwo(two, inputs));
  }
  // Sorting is stable: equal losses keep the table's order.
  return [...lost]
    .sort((a, b) => b[1] - a[1])
    .slice(0, REASONS_MAX)
    .filter(([, points]) => points > 0)
    .map(([feature, points]) => ({ feature, points }));
}

function ofOne(one, inputs) {
  const value = valueOf(inputs, one.feature);
  return value === null ? one.missing_points : one.points[binOf(one.edges, value)];
}

function ofTwo(two, inputs) {
  const first = valueOf(inputs, two.first);
  const second = valueOf(inputs, two.second);
  const row = first === null ? 0 : 1 + binOf(two.first_edges, first);
  const column = second === null ? 0 : 1 + binOf(two.second_edges, second);
  return two.points[row][column];
}

// A feature may bear any name, so what every object inherits is not asked.
function valueOf(inputs, feature) {
  const value = Object.hasOwn(inputs, feature) ? inputs[feature] : null;
  if (value === null || value === undefined) {
    return null;
  }
  if (!Number.isInteger(value) || value < INT32_MIN || value > INT32_MAX) {
    throw new RangeError(`${feature}: expected an integer of at most 32 bits, got ${value}`);
  }
  return value;
}

/** How many edges are not above the value. */
function binOf(edges, value) {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value < edges[middle]) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}
