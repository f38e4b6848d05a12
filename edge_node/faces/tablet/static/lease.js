// The rules of leases and of draws under them, as core/lending/lease.py and
// core/decision/field_draw.py have them, word for word in their reasons. Both are held to the
// same vectors (tests/runtimes/test_draw_vectors.py).

import { aprCapOn, civilDay, drawnBefore, quote } from "./price.js";
import { canonical, sha256 } from "./signing.js";

const CLOCK_ERROR_MS_MAX = 2 * 86_400_000;

/** Whether a time may be used to grant anything: one that was set back is not known. */
export const clockKnown = (clock) => clock.error_ms >= 0 && clock.error_ms <= CLOCK_ERROR_MS_MAX
  && clock.at_ms + clock.error_ms >= clock.floor_ms;

const live = (book) => book.draws.filter((draw) => draw.state !== "voided");
const sum = (draws) => draws.reduce((all, draw) => all + draw.amount_minor, 0);
const linesOf = (book) => new Set(live(book).map((draw) => draw.line_id));

/** What a line may still draw here, were the clock known [minor units]. */
export function availableMinor(book, lineId) {
  const { lease } = book;
  if (book.frozen || book.closed) return 0;
  const left = lease.amount_minor - sum(live(book));
  if (lease.kind === "line") return lineId === lease.line_id ? Math.max(0, left) : 0;
  const lines = linesOf(book);
  if (!lines.has(lineId) && lines.size >= lease.lines_max) return 0;
  const used = sum(live(book).filter((draw) => draw.line_id === lineId));
  return Math.max(0, Math.min(left, lease.per_line_minor - used));
}

/** Why a new draw must be refused, in order of precedence; empty if it may go on. */
export function refuseDraw(book, lineId, amountMinor, clock) {
  const { lease } = book;
  const latest = clock.at_ms + clock.error_ms;
  const lines = linesOf(book);
  const newLine = lease.kind === "onboarding" && !lines.has(lineId);
  const checks = [
    [amountMinor <= 0, "draw_amount_invalid"],
    [book.frozen, "draw_frozen"],
    [!clockKnown(clock) || latest < lease.signed_at_ms, "draw_clock_unknown"],
    [latest >= lease.expires_at_ms, "draw_lease_expired"],
    [book.closed, "draw_lease_closed"],
    [lease.kind === "line" && lease.line_id !== lineId, "draw_no_lease"],
    [newLine && lines.size >= lease.lines_max, "draw_lines_exhausted"],
    [amountMinor > availableMinor(book, lineId), "draw_above_lease"],
  ];
  return checks.find(([broken]) => broken)?.[1] ?? "";
}

/** A sub-lease as a book of its own; `closed` once it was given back. */
export const bookOf = (sublease, draws, { frozen = false, closed = false } = {}) => ({
  lease: { ...sublease, kind: "line" }, draws, frozen, closed,
});

/** The hash of a price: what a consent to it names as shown. */
export const shownSha256 = (price) => sha256(canonical(price));

/** The price of a draw that may be paid out now, or the first reason why it may not. */
export function priceOrReason(sublease, draws, ask, clock) {
  const { terms } = sublease;
  if (ask.amount_minor <= 0 || ask.amount_minor % terms.step_minor) return { reason: "draw_amount_invalid" };
  const book = bookOf(sublease, draws, ask);
  const refusal = refuseDraw(book, ask.line_id, ask.amount_minor, clock);
  if (refusal) return { reason: refusal };
  const on = civilDay(clock.at_ms, sublease.utc_offset_ms);
  if (on >= drawnBefore(terms)) return { reason: "draw_season_over" };
  const price = quote(terms, ask.amount_minor, on);
  return price.apr_ppm > aprCapOn(terms, on) ? { reason: "draw_price_above_cap" } : { price };
}

/** The same, and that the farmer agreed to this very price. */
export async function judge(sublease, draws, ask, clock) {
  const found = priceOrReason(sublease, draws, ask, clock);
  if (found.price && ask.agreed_sha256 !== await shownSha256(found.price)) return { reason: "draw_consent_missing" };
  return found;
}
