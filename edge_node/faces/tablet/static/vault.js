// What is kept on this tablet, in one IndexedDB. `readable` stores are what the lease's end
// takes away; drafts, operations and photos stay until the station has them.

import { openDB } from "idb";

const NAME = "harvestline";
export const READABLE = ["farmers", "subjects", "lines", "tasks", "products", "inputs"];
const STRICT = { durability: "strict" }; // on the disk before it is called saved

let opened = null;

/** The database, opened once. */
export function vault() {
  opened ??= openDB(NAME, 1, {
    upgrade(db) {
      db.createObjectStore("meta");
      db.createObjectStore("farmers", { keyPath: "farmer_id" });
      db.createObjectStore("subjects", { keyPath: "subject_id" })
        .createIndex("farmer", "farmer_id");
      db.createObjectStore("lines", { keyPath: "line_id" }).createIndex("farmer", "farmer_id");
      db.createObjectStore("tasks", { keyPath: "task_id" });
      db.createObjectStore("products", { keyPath: "product_id" });
      db.createObjectStore("inputs", { keyPath: ["farmer_id", "product_id"] });
      db.createObjectStore("drafts", { keyPath: "draft_id" });
      db.createObjectStore("operations", { keyPath: "seq" }).createIndex("id", "operation_id");
      db.createObjectStore("photos", { keyPath: "sha256" });
      db.createObjectStore("bytes"); // of photos: apart, so that a list of them stays small
    },
    blocking() {
      opened?.then((db) => db.close());
      opened = null;
    },
  });
  return opened;
}

export const meta = async (name) => (await vault()).get("meta", name);
export const setMeta = async (name, value) => (await vault()).put("meta", value, name);

/** Keep who this tablet is, and until when it may hold what it can read by its own clock. */
export async function keepMe(me, told) {
  const left_ms = told.lease_until_ms - told.now_ms;
  const { lease_until_ms, error_ms, now_ms: heard_ms } = told;
  const ahead_ms = told.now_ms - Date.now();
  await setMeta("me", { ...me, lease_until_ms, ahead_ms, own_until_ms: Date.now() + left_ms, error_ms, heard_ms });
  await setMeta("money_floor_ms", heard_ms); // its word counts, whatever this clock said before
}

/** The civil day, YYYY-MM-DD, by the station's clock as it was last heard: a tablet's own may
 * be set to anything, and a station takes no day that has not come. */
export async function today() {
  const me = await meta("me");
  const now = new Date(Date.now() + (me?.ahead_ms ?? 0));
  return [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
}

/** Whether the lease is over. A clock that is set back does not lengthen it: the latest
 * instant that this tablet ever saw counts. */
export async function leaseIsOver() {
  const [me, seen] = await Promise.all([meta("me"), meta("seen_ms")]);
  const now = Math.max(Date.now(), seen ?? 0);
  await setMeta("seen_ms", now);
  return Boolean(me) && me.own_until_ms < now;
}

/** Take the place of all that this tablet may read, whole or not at all. */
export async function keepArea(area) {
  const tx = (await vault()).transaction([...READABLE, "meta"], "readwrite", STRICT);
  for (const name of READABLE.filter((each) => each !== "inputs")) {
    const store = tx.objectStore(name);
    store.clear();
    for (const one of area[name] ?? []) store.put(one);
  }
  tx.objectStore("meta").put(area.digest, "digest");
  tx.objectStore("meta").put(area.model ?? null, "model");
  tx.objectStore("meta").put(area.today, "today");
  tx.objectStore("meta").put(area.versions ?? [], "versions");
  await tx.done;
}

const AT_CENTRE = new Set(["centre", "accepted", "dropped"]);
const MONEY = new Set(["draw", "sublease_end"]); // what is in hand is reckoned from these

/** Forget all that this tablet can read of people, and what was handed in; what it still has to
 * hand in stays. Of money the signed word stays, without the name beside it. */
export async function wipeReadable() {
  const tx = (await vault()).transaction([...READABLE, "meta", "operations", "photos", "bytes"], "readwrite", STRICT);
  for (const name of READABLE) tx.objectStore(name).clear();
  for (const name of ["digest", "model", "versions"]) tx.objectStore("meta").delete(name);
  const operations = tx.objectStore("operations");
  const left = new Set([0]); // of drafts, too
  for (const row of await operations.getAll()) {
    if (!AT_CENTRE.has(row.state)) left.add(row.seq);
    else if (MONEY.has(row.kind)) operations.put({ ...row, label: "", fields: {} });
    else operations.delete(row.seq);
  }
  for (const photo of await tx.objectStore("photos").getAll()) {
    if (!photo.whole || left.has(photo.seq)) continue;
    tx.objectStore("photos").delete(photo.sha256);
    tx.objectStore("bytes").delete(photo.sha256);
  }
  await tx.done;
}

export async function saveDraft(draft) {
  await (await vault()).put("drafts", draft);
}

export async function dropDraft(draftId) {
  await (await vault()).delete("drafts", draftId);
}

/** An operation, the chain's new end and the end of its draft: one transaction. */
export async function keepOperation(row, draftId, photos) {
  const tx = (await vault()).transaction(["operations", "meta", "drafts", "photos"], "readwrite", STRICT);
  await tx.objectStore("operations").add(row); // fails, and all with it, if the number is taken
  tx.objectStore("meta").put({ seq: row.seq, head: row.head }, "chain");
  if (draftId) tx.objectStore("drafts").delete(draftId);
  for (const photo of photos) {
    const found = await tx.objectStore("photos").get(photo.sha256);
    if (found) tx.objectStore("photos").put({ ...found, seq: row.seq });
  }
  await tx.done;
}

export { STRICT };
