// Photos: made small in the browser, named by their hash, sent in parts that resume.

import { sha256 } from "./signing.js";
import { ask } from "./station.js";
import { STRICT, vault } from "./vault.js";

const SIDE_PX_MAX = 1280;
const QUALITY = 0.72;
const PART_BYTES = 48 * 1024;
const TYPE = "image/webp";
const KEPT_MS = 30 * 86_400_000; // at the station, and here too: a box may be lost

export const moved = { count: 0 }; // parts that the station took since the page was opened

/** Make a picture small, keep it, and say what it is. */
export async function keepPhoto(source, about) {
  const bitmap = await createImageBitmap(source);
  const scale = Math.min(1, SIDE_PX_MAX / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)),
  );
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return keepBlob(await canvas.convertToBlob({ type: TYPE, quality: QUALITY }), about);
}

/** Keep the bytes of a small picture. */
export async function keepBlob(blob, about) {
  const data = await blob.arrayBuffer();
  const photo = { sha256: await sha256(data), media_type: TYPE, size_bytes: data.byteLength, about };
  const tx = (await vault()).transaction(["photos", "bytes"], "readwrite", STRICT);
  if (!(await tx.objectStore("photos").get(photo.sha256))) {
    tx.objectStore("photos").put({ ...photo, seq: 0, whole: false, sent_bytes: 0 });
    tx.objectStore("bytes").put(data, photo.sha256);
  }
  await tx.done;
  return photo;
}

/** Send what the station lacks of photos whose operation it has. */
export async function sendPhotos() {
  const db = await vault();
  const taken = new Set(
    (await db.getAll("operations")).filter((row) => row.state !== "tablet").map((row) => row.seq),
  );
  for (const photo of await db.getAll("photos")) {
    if (!photo.whole && taken.has(photo.seq)) await sendPhoto(db, photo);
    if (photo.whole && photo.whole_ms < Date.now() - KEPT_MS) await db.delete("bytes", photo.sha256);
  }
}

async function sendPhoto(db, photo) {
  const path = `/photos/${photo.sha256}`;
  let told = await refusedIsGone(ask("GET", path));
  if (!told) return;
  const data = await db.get("bytes", photo.sha256);
  while (!told.whole) {
    if (!data) return;
    const start = told.received_bytes;
    const part = new Blob([data.slice(start, start + PART_BYTES)]);
    told = await refusedIsGone(ask("PUT", `${path}?start=${start}`, part));
    if (!told) return; // its room at the station is spent: it waits here
    moved.count += 1;
  }
  // The station has checked the hash of the whole.
  const tx = db.transaction("photos", "readwrite", STRICT);
  tx.store.put({ ...photo, whole: true, whole_ms: Date.now(), sent_bytes: photo.size_bytes });
  await tx.done;
}

/** A photo of an operation that was not carried out is not wanted: it waits with the agent. */
async function refusedIsGone(asking) {
  try {
    return await asking;
  } catch (error) {
    if (error.status === 404 || ["HL-EDGE-008", "HL-EDGE-047"].includes(error.code)) return null;
    throw error;
  }
}
