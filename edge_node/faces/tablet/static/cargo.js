// Sealed letters between the station and the centre: carried, never read.
//
// The station's file is kept until the station itself gives a newer one, which leaves out
// what the centre has receipted; the centre's answer until the station has taken it. Either
// may come late or twice: the ends know every record by its number.

import { ask, askBytes, RefusedError } from "./station.js";
import { meta, setMeta, STRICT, vault } from "./vault.js";

const WAIT_MS = 60_000;
const BYTES_MAX = 8 * 1024 * 1024;
const AGAIN_MS = 6 * 3_600_000;
const PAUSE_MS = 60_000;
const TRIES_AT_ONCE = 3;

/** At the station: hand over what the centre said, then take along what waits for it. */
export async function atStation() {
  const down = await meta("cargo_down");
  if (down) {
    try {
      await ask("POST", "/cargo", new Blob([down.data]));
    } catch (error) {
      // A file that the station will never take is let go; it asks the centre anew.
      if (!(error instanceof RefusedError) || error.status >= 500) throw error;
    }
    await forget("cargo_down");
  }
  const where = await ask("GET", "/cargo/centre");
  if (!where?.url) return forget("cargo_up"); // it has a link of its own, or nothing to carry
  const before = await meta("cargo_up");
  if (before?.state === where.state) return undefined;
  const data = await askBytes("/cargo", BYTES_MAX);
  return setMeta("cargo_up", { state: where.state, url: where.url, data, sent_ms: 0, tries: 0, tried_ms: 0 });
}

/** Anywhere: hand the station's letters to the centre, and keep its answer for the station. */
export async function toCentre() {
  const up = await meta("cargo_up");
  if (!up || rests(up)) return false;
  const data = await answered(up);
  const tx = (await vault()).transaction("meta", "readwrite", STRICT);
  const now = await tx.store.get("cargo_up");
  const same = now?.state === up.state; // the station may have given another meanwhile
  if (data) tx.store.put({ data, taken_ms: Date.now() }, "cargo_down");
  if (same && data) tx.store.put({ ...now, sent_ms: Date.now(), tries: 0 }, "cargo_up");
  if (same && !data) tx.store.put({ ...now, tries: now.tries + 1, tried_ms: Date.now() }, "cargo_up");
  await tx.done;
  return Boolean(data);
}

/** What was handed in is asked about again only after hours: the centre may have more to say. */
function rests(up) {
  if (up.sent_ms) return Math.abs(Date.now() - up.sent_ms) < AGAIN_MS;
  const pause = up.tries < TRIES_AT_ONCE ? 0 : Math.min(PAUSE_MS * 2 ** (up.tries - TRIES_AT_ONCE), AGAIN_MS);
  return Math.abs(Date.now() - up.tried_ms) < pause;
}

async function answered(up) {
  try {
    // Neither a cookie nor a token: what counts is sealed and signed inside.
    const answer = await fetch(`${up.url}/api/v1/carried`, { method: "POST", body: up.data, mode: "cors",
      credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer", signal: AbortSignal.timeout(WAIT_MS) });
    const data = answer.ok ? await answer.arrayBuffer() : null;
    return data && data.byteLength <= BYTES_MAX ? data : null;
  } catch (error) {
    if (error instanceof TypeError || ["TimeoutError", "AbortError"].includes(error.name)) return null;
    throw error;
  }
}

/** What travels with this tablet [bytes]. */
export async function travelling() {
  const [up, down] = await Promise.all([meta("cargo_up"), meta("cargo_down")]);
  return { up: up?.data.byteLength ?? 0, sent: Boolean(up?.sent_ms), down: down?.data.byteLength ?? 0 };
}

async function forget(name) {
  await (await vault()).delete("meta", name);
}

