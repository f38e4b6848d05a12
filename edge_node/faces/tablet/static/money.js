// The money that an agent carries: parts of the station's leases, drawn here by this tablet's own
// signed operations. What was drawn stands in the chain and nowhere else, so it cannot be told
// twice or forgotten; the station's word says only how much there was.

import { judge, priceOrReason } from "./lease.js";
import { put } from "./outbox.js";
import { canonical, openDocument, signDocument } from "./signing.js";
import { ask } from "./station.js";
import { meta, setMeta, STRICT, vault } from "./vault.js";
import { t } from "./words.js";

const DRIFT_PPM = 200; // a tablet's clock, uncorrected
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

export class NotPaidError extends Error {}

/** Why nothing is paid out, in the agent's language. */
export const wordsOf = (reason) => ({
  draw_amount_invalid: () => t("Choose an amount."),
  draw_frozen: () => t("New draws on this line wait until the lender has looked."),
  draw_clock_unknown: () => t("The tablet's clock was set back. Bring it to the station."),
  draw_lease_expired: () => t("The permission to pay out has run out. Bring the tablet to the station."),
  draw_lease_closed: () => t("What was left was given back to the station."),
  draw_no_lease: () => t("No money was taken along for this line."),
  draw_above_lease: () => t("This is more than is in hand for this line."),
  draw_season_over: () => t("The season of this line is over; nothing new can be drawn."),
  draw_price_above_cap: () => t("The price would be above what is allowed."),
  draw_consent_missing: () => t("The price has changed. Read it aloud again."),
  paid_already: () => t("This was paid out already."),
}[reason] ?? (() => reason))();

/** The time as the station's clock was last heard; one that was set back since is not known. */
export async function clock() {
  const [me, floor] = await Promise.all([meta("me"), meta("money_floor_ms")]);
  const at = Date.now() + (me.ahead_ms ?? 0);
  const since = Math.max(0, at - (me.heard_ms ?? at));
  const error = (me.error_ms ?? 1000) + Math.ceil((since * DRIFT_PPM) / 1e6);
  const seen = Math.max(floor ?? 0, me.heard_ms ?? 0);
  if (at > seen) await setMeta("money_floor_ms", at);
  return { at_ms: at, error_ms: error, floor_ms: seen };
}

/** Every sub-lease that this tablet was given, with what its own chain says of it. */
export async function inHand() {
  const [given, rows, gone] = await Promise.all([meta("subleases"), (await vault()).getAll("operations"), meta("gone")]);
  const bodies = (kind) => rows.filter((row) => row.kind === kind).map((row) => row.document.body.body);
  const draws = bodies("draw");
  const ended = new Set([...bodies("sublease_end").map((one) => one.sublease_id), ...(gone ?? [])]);
  return Object.values(given ?? {}).map((one) => {
    const lease = one.document.body;
    const mine = draws.filter((draw) => draw.sublease_id === lease.sublease_id)
      .map((draw) => ({ draw_id: draw.draw_id, line_id: draw.line_id, amount_minor: draw.amount_minor, state: "posted" }));
    const drawn = mine.reduce((sum, draw) => sum + draw.amount_minor, 0);
    return { ...one, lease, draws: mine, drawn_minor: drawn, left_minor: lease.amount_minor - drawn,
      closed: ended.has(lease.sublease_id) };
  }).sort((a, b) => a.lease.serial - b.lease.serial);
}

/** The sub-lease of a line that can pay an amount, or the newest one, to say why it cannot. */
export function bestOf(held, lineId, amountMinor, now) {
  const mine = held.filter((one) => one.lease.line_id === lineId);
  const open = mine.filter((one) => !one.closed);
  const able = open.find((one) => one.left_minor >= amountMinor && now.at_ms < one.lease.expires_at_ms);
  return able ?? open.at(-1) ?? mine.at(-1) ?? null;
}

/** The whole price of an amount now, or the reason why it cannot be paid out. */
export function priceNow(one, amountMinor, frozen, now) {
  if (!one) return { reason: "draw_no_lease" };
  return priceOrReason(one.lease, one.draws, { line_id: one.lease.line_id, amount_minor: amountMinor,
    frozen, closed: one.closed }, now);
}

/** Pay out: one signed operation, once; refused where the rule, or an earlier touch, says no. */
export async function payOut(one, asked, about) {
  const now = await clock();
  const { lease } = one;
  const found = priceNow(one, asked.amount_minor, asked.frozen, now);
  if (found.reason) throw new NotPaidError(wordsOf(found.reason));
  const { price } = found;
  const body = {
    draw_id: asked.draw_id, sublease_id: lease.sublease_id, line_id: lease.line_id, farmer_id: lease.farmer_id,
    amount_minor: asked.amount_minor, drawn_on: price.drawn_on, at_ms: now.at_ms, error_ms: now.error_ms,
    fee_minor: price.fee_minor, total_minor: price.total_minor, due_on: price.due_on, apr_ppm: price.apr_ppm,
    consent_id: asked.consent_id, shown_sha256: asked.agreed_sha256, language: asked.language, spoken: false,
    signature: asked.signature ?? undefined,
  };
  const guard = async () => {
    const held = await inHand();
    if (held.some((each) => each.draws.some((draw) => draw.draw_id === asked.draw_id))) {
      throw new NotPaidError(wordsOf("paid_already"));
    }
    const fresh = held.find((each) => each.lease.sublease_id === lease.sublease_id);
    const judged = await judge(fresh.lease, fresh.draws, { line_id: lease.line_id, amount_minor: asked.amount_minor,
      agreed_sha256: asked.agreed_sha256, frozen: asked.frozen, closed: fresh.closed }, now);
    if (judged.reason) throw new NotPaidError(wordsOf(judged.reason));
    return body;
  };
  return put("draw", body, { ...about, guard });
}

/** Give back what was not drawn: behind this word in the chain no draw can stand. */
export function giveBack(subleaseId) {
  const guard = async () => {
    const one = (await inHand()).find((each) => each.lease.sublease_id === subleaseId);
    if (!one || one.closed) throw new NotPaidError(wordsOf("draw_lease_closed"));
    return { sublease_id: subleaseId, drawn_minor: one.drawn_minor };
  };
  return put("sublease_end", {}, { label: t("Money given back"), guard });
}

/** What the station lets this tablet pay out; what it asks back or ran out is given back. */
export async function fetchMoney() {
  const before = Object.keys((await meta("subleases")) ?? {});
  const { held, vouch } = await ask("GET", "/subleases");
  for (const one of held) await keep(one);
  const open = new Set(held.map((one) => one.document.body.sublease_id));
  // What the station ended, or lost with its box, it would not book: nothing more is paid out of it.
  await setMeta("gone", before.filter((id) => !open.has(id)));
  if (vouch) await setMeta("vouch", vouch);
  const given = (await meta("subleases")) ?? {};
  const now = await clock();
  let ended = 0;
  for (const one of await inHand()) {
    const id = one.lease.sublease_id;
    const over = now.at_ms >= one.lease.expires_at_ms;
    if (!one.closed && open.has(id) && (given[id].recalled || over)) {
      await giveBack(id);
      ended += 1;
    }
  }
  return ended;
}

async function keep(one) {
  const [me, keys] = await Promise.all([meta("me"), meta("keys")]);
  const lease = await openDocument("sub-lease", one.document, me.station_key);
  const word = await openDocument("tablet-vouch", one.receipts, me.station_key);
  if (lease.public_key !== keys.publicKey || word.public_key !== keys.publicKey) {
    throw new Error("expected a sub-lease of this tablet");
  }
  const tx = (await vault()).transaction("meta", "readwrite", STRICT); // whole, beside another page
  const given = (await tx.store.get("subleases")) ?? {};
  tx.store.put({ ...given, [lease.sublease_id]: one }, "subleases");
  await tx.done;
}

export const roomOf = (lineId) => ask("POST", "/subleases/room", { line_id: lineId });

export async function takeAlong(lineId, amountMinor, subleaseId) {
  await keep(await ask("POST", "/subleases/take", { sublease_id: subleaseId, line_id: lineId, amount_minor: amountMinor }));
}

function base45(bytes) {
  let found = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const two = at + 1 < bytes.length;
    let value = two ? bytes[at] * 256 + bytes[at + 1] : bytes[at];
    for (let n = two ? 3 : 2; n > 0; n--, value = Math.floor(value / 45)) found += DIGITS[value % 45];
  }
  return found;
}

/** The text of a receipt's code: signed by this tablet, which its station let pay out. */
export async function receiptText(draw) {
  const [me, keys, given, vouch] = await Promise.all([meta("me"), meta("keys"), meta("subleases"), meta("vouch")]);
  const { document, receipts } = given[draw.sublease_id];
  const slip = await signDocument("slip", {
    kind: "draw", id: draw.draw_id, station: me.station, on: draw.drawn_on, currency: document.body.terms.currency,
    amount_minor: draw.amount_minor, total_minor: draw.total_minor, due_on: draw.due_on,
  }, keys);
  const text = canonical({ slip, tablet: receipts, vouch: vouch ?? undefined });
  const packed = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"));
  return `HL1:${base45(new Uint8Array(await new Response(packed).arrayBuffer()))}`;
}
