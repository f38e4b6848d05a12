// The outbox: signed operations in a chain of this tablet's own, sent in order, once.
//
// An operation is on this tablet until the station acknowledges it by its id; then it is at
// the station, at the centre, accepted, or needs the agent. Sending twice changes nothing.

import { fetchMoney, inHand } from "./money.js";
import { canonical, openDocument, sha256, signDocument } from "./signing.js";
import { atStation } from "./cargo.js";
import { moved, sendPhotos } from "./photos.js";
import { ask, NotReachedError, RefusedError } from "./station.js";
import { keepArea, keepOperation, meta, setMeta, STRICT, vault, wipeReadable } from "./vault.js";

const GENESIS = "0".repeat(64);
const AT_ONCE = 20;
const INPUTS_AT_ONCE = 50;
export const STATES = ["tablet", "station", "centre", "accepted", "needs_you"];
const FINAL = new Set(["accepted", "dropped"]);

/** Sign an operation and put it at the chain's end; the draft it came from ends with it. A guard
 * looks once more while nobody else can add to the chain: it gives what is signed, or throws. */
export function put(kind, said, { draftId = "", photos = [], label = "", fields = {}, taskId = "", guard = null } = {}) {
  return navigator.locks.request("harvestline-chain", async () => {
    const body = guard ? await guard() : said;
    const [keys, me, chain] = await Promise.all([meta("keys"), meta("me"), meta("chain")]);
    const end = chain ?? { seq: 0, head: GENESIS };
    const operation = {
      operation_id: crypto.randomUUID(), tablet_id: me.tablet_id, seq: end.seq + 1,
      previous: end.head, at_ms: Date.now(), kind, body,
    };
    const document = await signDocument("tablet-operation", operation, keys);
    const head = await sha256(canonical(document));
    const row = { seq: operation.seq, operation_id: operation.operation_id, kind, head, document,
      label, fields, task_id: taskId, at_ms: operation.at_ms, state: "tablet", words: "" };
    await keepOperation(row, draftId, photos);
    return row;
  });
}

/** Bring everything to the station that it will take, and learn how far the rest has come. */
export async function sync() {
  return navigator.locks.request("harvestline-sync", { ifAvailable: true }, async (lock) => {
    if (!lock) return { reached: true, busy: true };
    for (;;) {
      const before = moved.count;
      try {
        return { reached: true, stopped: await round() };
      } catch (error) {
        // A link that breaks and brought something is asked again at once, not a round later.
        if (!(error instanceof NotReachedError) || moved.count === before) return judged(error);
      }
    }
  });
}

/** The urgent first: money and forms, then what the agent sees, sealed letters, photos last. */
async function round() {
  await learnStates();
  await fetchMoney();
  const stopped = await sendOperations();
  await fetchArea();
  const fault = await atStation().then(() => null, (error) => error); // stops no photo
  await sendPhotos();
  if (fault) throw fault;
  return stopped;
}

async function judged(error) {
  if (error instanceof NotReachedError) return { reached: false };
  if (error instanceof RefusedError) {
    // Turned out, or the lease is over: what can be read goes, what is to be handed in stays.
    if (error.status === 401) await wipeReadable();
    return { reached: true, refused: error.message, code: error.code };
  }
  throw error;
}

async function sendOperations() {
  for (;;) {
    // Whatever the station does not have goes again: also what it lost with its box.
    const { seq } = (await meta("acknowledged")) ?? { seq: 0 };
    const waiting = await (await vault()).getAll("operations", IDBKeyRange.lowerBound(seq, true));
    if (!waiting.length) return null;
    const documents = waiting.slice(0, AT_ONCE).map((row) => row.document);
    const told = await ask("POST", "/operations", { operations: documents });
    await learn(told);
    if (told.stopped.code) return told.stopped;
  }
}

async function learnStates() {
  const rows = (await (await vault()).getAll("operations")).filter((row) => !FINAL.has(row.state));
  await learn(await ask("POST", "/states", { operation_ids: rows.map((row) => row.operation_id) }));
}

async function learn(told) {
  const me = await meta("me");
  const chain = await openDocument("tablet-chain", told.chain, me.station_key);
  const keys = await meta("keys");
  if (chain.public_key !== keys.publicKey) throw new Error("expected the chain of this tablet");
  const states = new Map(told.states.map((one) => [one.operation_id, one]));
  const tx = (await vault()).transaction(["operations", "meta", "photos"], "readwrite", STRICT);
  const store = tx.objectStore("operations");
  const lost = new Set();
  for (const row of await store.getAll()) {
    if (row.seq > chain.seq && row.state !== "tablet") {
      if (row.state !== "dropped") store.put({ ...row, state: "tablet", words: "" });
      lost.add(row.seq);
      continue;
    }
    const news = states.get(row.operation_id);
    if (news && !FINAL.has(row.state) && (news.state !== row.state || news.words !== row.words)) {
      store.put({ ...row, state: news.state, words: news.words });
    }
  }
  for (const photo of lost.size ? await tx.objectStore("photos").getAll() : []) {
    if (lost.has(photo.seq)) tx.objectStore("photos").put({ ...photo, whole: false });
  }
  tx.objectStore("meta").put({ seq: chain.seq, head: chain.head }, "acknowledged");
  await tx.done;
}

async function fetchArea() {
  const known = (await meta("digest")) ?? "";
  const area = await ask("GET", `/area?known=${known}`);
  if (area) await keepArea(area);
  const db = await vault();
  if (area) await db.clear("inputs");
  const have = new Set((await db.getAllKeys("inputs")).map(([farmer]) => farmer));
  const asked = new Set(await meta("asked_inputs") ?? []);
  if (area) asked.clear();
  const due = (await db.getAll("tasks")).map((task) => task.farmer_id);
  const rest = await db.getAllKeys("farmers");
  const wanted = [...new Set([...due, ...rest])].filter((id) => !have.has(id) && !asked.has(id));
  if (!wanted.length) return;
  const some = wanted.slice(0, INPUTS_AT_ONCE);
  const { inputs } = await ask("POST", "/inputs", { farmer_ids: some });
  const tx = db.transaction(["inputs", "meta"], "readwrite");
  for (const one of inputs) tx.objectStore("inputs").put(one);
  tx.objectStore("meta").put([...asked, ...some], "asked_inputs");
  await tx.done;
}

/** An operation that needed the agent and was written anew is laid aside; it stays signed. */
export async function drop(seq) {
  const tx = (await vault()).transaction("operations", "readwrite", STRICT);
  const row = await tx.store.get(seq);
  if (row.state === "needs_you") tx.store.put({ ...row, state: "dropped" });
  await tx.done;
}

/** What stands between this tablet and being wiped: operations and photos not handed in, money
 * that was not given back. */
export async function unsafe() {
  const db = await vault();
  const acknowledged = (await meta("acknowledged")) ?? { seq: 0, head: GENESIS };
  const chain = (await meta("chain")) ?? { seq: 0, head: GENESIS };
  const photos = (await db.getAll("photos")).filter((photo) => !photo.whole);
  const drafts = await db.count("drafts");
  const behind = acknowledged.head === chain.head ? 0 : chain.seq - Math.min(chain.seq - 1, acknowledged.seq);
  const held = (await inHand()).filter((one) => !one.closed).length;
  return { operations: behind, photos: photos.length, drafts, held };
}

/** Forget everything, keys too; refused while anything is on this tablet alone. */
export async function wipeAll() {
  const left = await unsafe();
  if (left.operations || left.photos || left.drafts || left.held) return left;
  const db = await vault();
  const names = [...db.objectStoreNames];
  const tx = db.transaction(names, "readwrite", STRICT);
  for (const name of names) tx.objectStore(name).clear();
  await tx.done;
  return null;
}

export { setMeta };
