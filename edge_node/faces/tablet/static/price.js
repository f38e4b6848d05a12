// What a draw costs: fee, plan, interest and annual percentage rate, in whole numbers, as
// core/lending (accrual, schedule, workdays, price) reckons them. Money is BigInt within: the
// product of a sum, days and parts per million leaves what a Number keeps exact.

const PPM = 1_000_000n;
const DAY_MS = 86_400_000;
const DUES_MAX = 600;
const SHIFT_DAYS_MAX = 31;
const RATE_MAX_PPM = 1_000_000_000; // as far as core/lending/roots.py searches
const BITS = 192n; // of a fraction, so that no rate near to a tie is rounded wrongly
const ONE = 1n << BITS;
const TIE = 1n << 96n; // nearer than this a rate lies on the tie itself

export class PriceError extends Error {}

/** The number of a civil day; the difference of two is the days between them. */
export const dayNumber = (on) => {
  const [year, month, day] = on.split("-").map(Number);
  return Date.UTC(year, month - 1, day) / DAY_MS;
};
export const isoDay = (number) => new Date(number * DAY_MS).toISOString().slice(0, 10);
/** The civil day at an instant in a zone with an offset [ms]. */
export const civilDay = (atMs, offsetMs) => isoDay(Math.floor((atMs + offsetMs) / DAY_MS));

/** A whole number divided, half to even; nothing here is ever negative. */
export function divideHalfEven(amount, by) {
  const whole = amount / by;
  const twice = 2n * (amount % by);
  return twice > by || (twice === by && whole % 2n === 1n) ? whole + 1n : whole;
}

export const sharePpm = (amount, ppm) => divideHalfEven(amount * BigInt(ppm), PPM);

function allocate(amount, weights) {
  const total = weights.reduce((sum, one) => sum + one, 0n);
  const parts = weights.map((one) => (amount * one) / total);
  const left = Number(amount - parts.reduce((sum, one) => sum + one, 0n));
  const order = weights.map((one, n) => [(amount * one) % total, n])
    .sort(([a, n], [b, m]) => (a === b ? n - m : a > b ? -1 : 1));
  for (const [, n] of order.slice(0, left)) parts[n] += 1n;
  return parts;
}

const fields = (day) => isoDay(day).split("-").map(Number);
const weekday = (day) => (((day + 3) % 7) + 7) % 7; // day 0 was a Thursday; Monday is 0
const isWorking = (day, calendar) =>
  !calendar.rest_weekdays.includes(weekday(day)) && !(calendar.holidays ?? []).includes(isoDay(day));

function nearest(day, calendar, direction) {
  for (let n = 0; n <= SHIFT_DAYS_MAX; n++) {
    if (isWorking(day + direction * n, calendar)) return day + direction * n;
  }
  throw new PriceError(`expected a working day near ${isoDay(day)}, got none`);
}

/** The working day on which a payment is due that would fall on a day. */
export function rolled(day, calendar) {
  if (!calendar || calendar.roll === "stay") return day;
  if (calendar.roll === "preceding") return nearest(day, calendar, -1);
  const after = nearest(day, calendar, 1);
  const other = calendar.roll === "modified_following" && fields(after)[1] !== fields(day)[1];
  return other ? nearest(day, calendar, -1) : after;
}

function monthsFrom(day, months) {
  const [year, month, number] = fields(day);
  const at = 12 * year + month - 1 + months;
  const last = new Date(Date.UTC(Math.floor(at / 12), (at % 12) + 1, 0)).getUTCDate();
  return Date.UTC(Math.floor(at / 12), at % 12, Math.min(number, last)) / DAY_MS;
}

/** Days counted back from the last, each from the last itself so that none drifts. */
function series(last, every, after) {
  const days = last > after ? [last] : [];
  for (;;) {
    const day = every ? monthsFrom(last, -every * days.length) : after;
    if (day <= after) return days.reverse();
    if (days.length >= DUES_MAX) throw new PriceError(`expected at most ${DUES_MAX} due dates`);
    days.push(day);
  }
}

function dueDays(terms, drawn) {
  const { schedule } = terms;
  const due = dayNumber(terms.due_on);
  const months = new Set((schedule.cash ?? []).map((one) => one.month));
  const nominal = schedule.kind === "bullet" ? [due]
    : schedule.kind === "cash_months" ? series(due, 1, drawn).filter((day) => months.has(fields(day)[1]))
      : series(due, schedule.every_months ?? 0, drawn);
  const days = new Set(nominal.map((day) => rolled(day, terms.calendar)));
  return [...days].filter((day) => day > drawn).sort((a, b) => a - b);
}

function isFree(terms, drawn, day) {
  const months = terms.schedule.moratorium_months ?? 0;
  return months > 0 && day <= monthsFrom(drawn, months) && day < rolled(dayNumber(terms.due_on), terms.calendar);
}

function capitalisingDays(terms, drawn) {
  const { schedule } = terms;
  const due = dayNumber(terms.due_on);
  const found = new Set(schedule.interest === "capitalising" ? series(due, schedule.capitalise_months, drawn) : []);
  if (schedule.moratorium_interest === "capitalised") {
    const free = dueDays(terms, drawn).filter((day) => isFree(terms, drawn, day));
    if (free.length) found.add(free.at(-1));
  }
  found.delete(due);
  return found;
}

/** Interest as it runs on a sum that changes: exact within, rounded when it is read. */
class Meter {
  constructor(terms) {
    this.rate = BigInt(terms.rate_ppm);
    this.count = terms.day_count;
    this.weighted = 0n;
    this.taken = 0n;
  }

  ordinal(day) {
    if (this.count !== "30e/360") return day;
    const [year, month, number] = fields(day);
    return 360 * year + 30 * month + Math.min(number, 30);
  }

  run(sum, since, until) {
    this.weighted += sum * BigInt(this.ordinal(until) - this.ordinal(since));
  }

  get earned() {
    return divideHalfEven(this.weighted * this.rate, PPM * (this.count === "act/365f" ? 365n : 360n));
  }

  get owed() {
    return this.earned - this.taken;
  }
}

function walked(course, rule) {
  const meter = new Meter(course.terms);
  const dues = [];
  let owed = course.amount;
  let since = course.drawn;
  const last = course.days.at(-1);
  const asking = new Set(course.days);
  for (const day of [...new Set([...course.days, ...course.capitalising])].sort((a, b) => a - b)) {
    meter.run(owed, since, day);
    since = day;
    if (asking.has(day)) {
      const [principal, interest] = day === last ? [owed, meter.owed] : rule(day, owed, meter.owed);
      dues.push({ day, principal, interest });
      owed -= principal;
      meter.taken += interest;
    }
    if (course.capitalising.has(day) && day < last) {
      owed += meter.owed;
      meter.taken = meter.earned;
    }
  }
  return dues;
}

const freeInterest = (course, interest) =>
  ((course.terms.schedule.moratorium_interest ?? "carried") === "paid" ? interest : 0n);
const min = (a, b) => (a < b ? a : b);
const above = (a) => (a > 0n ? a : 0n);

function weightsOf(course) {
  const { schedule } = course.terms;
  if (schedule.kind === "equal_principal") return new Map(course.payable.map((day) => [day, 1n]));
  if (schedule.kind === "cash_months") {
    const byMonth = new Map(schedule.cash.map((one) => [one.month, BigInt(one.weight)]));
    const found = new Map();
    for (const day of series(dayNumber(course.terms.due_on), 1, course.drawn)) {
      const on = rolled(day, course.terms.calendar);
      const weight = byMonth.get(fields(day)[1]);
      if (weight !== undefined && course.payable.includes(on)) found.set(on, weight);
    }
    return found;
  }
  return new Map(course.payable.map((day) => [day, day === course.payable.at(-1) ? 1n : 0n]));
}

/** All interest, and the principal in parts that are known beforehand. */
function parts(course) {
  const weights = weightsOf(course);
  let shares = null;
  return (day, owed, interest) => {
    if (!weights.has(day)) return [0n, freeInterest(course, interest)];
    if (!shares) {
      const whole = above(owed - course.balloon) / course.unit;
      const split = allocate(whole, [...weights.values()]);
      shares = new Map([...weights.keys()].map((on, n) => [on, split[n] * course.unit]));
    }
    return [min(owed, shares.get(day)), interest];
  };
}

/** The same amount each time: interest first, the rest principal. */
const level = (course, amount) => (day, owed, interest) => {
  if (!course.payable.includes(day)) return [0n, freeInterest(course, interest)];
  const paid = min(amount, interest);
  return [min(above(owed - course.balloon), amount - paid), paid];
};

function levelOf(course) {
  const enough = (units) => {
    const last = walked(course, level(course, units * course.unit)).at(-1);
    return last.principal + last.interest - course.balloon <= units * course.unit;
  };
  let low = 0n;
  let high = 1n;
  while (!enough(high)) [low, high] = [high, 2n * high];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return high * course.unit;
}

/** What is due when for one draw, by day number. */
function plan(terms, amount, drawn) {
  const days = dueDays(terms, drawn);
  if (amount <= 0n || !days.length) throw new PriceError("expected an amount and a day before the due date");
  const unit = BigInt(terms.schedule.rounding_minor ?? 1);
  const course = { terms, amount, drawn, days, unit, capitalising: capitalisingDays(terms, drawn),
    payable: days.filter((day) => !isFree(terms, drawn, day)),
    balloon: (sharePpm(amount, terms.schedule.balloon_ppm ?? 0) / unit) * unit };
  const rule = terms.schedule.kind === "equal_instalments" ? level(course, levelOf(course)) : parts(course);
  return walked(course, rule).filter((due) => due.principal + due.interest > 0n);
}

const times = (a, b) => (a * b) >> BITS;

function power(base, count) {
  let found = ONE;
  for (let square = base, n = count; n > 0; n = Math.floor(n / 2), square = times(square, square)) {
    if (n % 2) found = times(found, square);
  }
  return found;
}

/** A day's discount factor at a yearly growth given in halves of a part per million. */
function discount(halves) {
  const wanted = (ONE * 2n * PPM) / halves;
  let v = BigInt(Math.round(2 ** 52 * (Number(halves) / 2e6) ** (-1 / 365))) << (BITS - 52n);
  for (let n = 0; n < 6; n++) {
    const before = power(v, 364);
    v -= ((times(before, v) - wanted) * ONE) / (365n * before);
  }
  return v;
}

/** Whether money paid back is worth more (1), less (-1) or as much (0) as what was paid out. */
function worth(amount, flows, halves) {
  const v = discount(halves);
  let left = -amount * ONE;
  for (const [days, paid] of flows) left += paid * power(v, days);
  return left > TIE * amount ? 1 : left < -TIE * amount ? -1 : 0;
}

function guessed(amount, flows) {
  let low = Math.log(0.01);
  let high = Math.log(1 + RATE_MAX_PPM / 1e6) + 1;
  for (let n = 0; n < 200; n++) {
    const middle = (low + high) / 2;
    const left = flows.reduce((sum, [days, paid]) => sum + Number(paid) * Math.exp((-middle * days) / 365), -Number(amount));
    if (left > 0) low = middle;
    else high = middle;
  }
  return Math.round(Math.expm1(low) * 1e6);
}

/** The effective annual percentage rate [ppm], half to even, of an amount and what is paid back. */
export function aprPpm(amount, flows) {
  let ppm = guessed(amount, flows);
  if (ppm > RATE_MAX_PPM) throw new PriceError("expected a rate of at most 100,000 %");
  for (let n = 0; n < 1000; n++) {
    const halves = 2n * (PPM + BigInt(ppm));
    const low = worth(amount, flows, halves - 1n);
    const high = worth(amount, flows, halves + 1n);
    if (low < 0 || (low === 0 && ppm % 2 !== 0)) ppm -= 1;
    else if (high > 0 || (high === 0 && ppm % 2 !== 0)) ppm += 1;
    else return ppm;
  }
  throw new PriceError("expected a rate that explains the payments, got none");
}

/** The whole price of a draw on a day, as core/decision/field_draw.py gives it. */
export function quote(terms, amountMinor, drawnOn) {
  const amount = BigInt(amountMinor);
  const drawn = dayNumber(drawnOn);
  const fee = sharePpm(amount, terms.fee_ppm);
  const dues = plan(terms, amount, drawn);
  const total = dues.reduce((sum, due) => sum + due.principal + due.interest, fee);
  const flows = dues.map((due, n) => [due.day - drawn, due.principal + due.interest + (n ? 0n : fee)]);
  return {
    amount_minor: amountMinor, fee_minor: Number(fee), interest_minor: Number(total - amount - fee),
    total_minor: Number(total), currency: terms.currency, drawn_on: drawnOn,
    due_on: isoDay(dues.at(-1).day), apr_ppm: aprPpm(amount, flows), rate_ppm: terms.told_rate_ppm,
  };
}

/** Each payment of a draw's plan, with its day [minor units]; the fee stands with the first. */
export function payments(terms, amountMinor, drawnOn) {
  const fee = sharePpm(BigInt(amountMinor), terms.fee_ppm);
  return plan(terms, BigInt(amountMinor), dayNumber(drawnOn)).map((due, n) => ({
    on: isoDay(due.day), amount_minor: Number(due.principal + due.interest + (n ? 0n : fee)),
  }));
}

/** From this day on nothing is drawn: no plan could ask for it back. */
export function drawnBefore(terms) {
  const due = dayNumber(terms.due_on);
  return isoDay(Math.min(due, rolled(due, terms.calendar)));
}

/** The highest annual percentage rate that may be charged on a day [ppm]. */
export function aprCapOn(terms, on) {
  const row = (terms.apr_caps ?? []).find((one) => one.from_on <= on && (!one.until_on || on <= one.until_on));
  return row ? Math.min(terms.apr_cap_ppm, row.apr_cap_ppm) : terms.apr_cap_ppm;
}
