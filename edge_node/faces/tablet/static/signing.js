// Canonical bytes, hashes and signatures, as core/canonical.py and core/signing.py lay down.

const text = new TextEncoder();
const DEPTH_MAX = 16;

/** The canonical text of a value: sorted ASCII keys, NFC, integers alone, no null. */
export function canonical(value, depth = DEPTH_MAX) {
  if (depth < 1) throw new TypeError("expected a value that nests less deep");
  if (typeof value === "string") {
    if (value !== value.normalize("NFC") || !value.isWellFormed()) {
      throw new TypeError("expected a string in NFC");
    }
    return JSON.stringify(value);
  }
  if (typeof value === "boolean") return String(value);
  if (Number.isSafeInteger(value)) return String(value);
  if (Array.isArray(value)) return `[${value.map((one) => canonical(one, depth - 1)).join(",")}]`;
  if (value === null || typeof value !== "object") {
    throw new TypeError(`expected integers, texts, lists and maps, got ${value}`);
  }
  const names = Object.keys(value).filter((name) => value[name] !== undefined).sort();
  return `{${names.map((n) => `${JSON.stringify(n)}:${canonical(value[n], depth - 1)}`).join(",")}}`;
}

export const hex = (bytes) =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export const fromHex = (digits) =>
  Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));

/** SHA-256 in hexadecimal, of bytes or of a text. */
export async function sha256(data) {
  const bytes = typeof data === "string" ? text.encode(data) : data;
  return hex(await crypto.subtle.digest("SHA-256", bytes));
}

/** Keys that never leave this device: the private one cannot be read, only used. */
export async function makeKeys() {
  const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
  const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
  return { privateKey: pair.privateKey, publicKey: hex(raw), keyId: (await sha256(raw)).slice(0, 32) };
}

/** A signed document: the body under its type, signed by these keys. */
export async function signDocument(type, body, keys) {
  const message = text.encode(`harvestline/${type}/v1\0${canonical(body)}`);
  const sig = hex(await crypto.subtle.sign("Ed25519", keys.privateKey, message));
  return { body, key_id: keys.keyId, sig, type: `harvestline/${type}/v1` };
}

/** The body of a document that the holder of a public key signed; throws if it did not. */
export async function openDocument(type, document, publicKey) {
  const message = text.encode(`harvestline/${type}/v1\0${canonical(document.body)}`);
  const raw = fromHex(publicKey);
  const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
  const sound = document.type === `harvestline/${type}/v1` && document.key_id === (await sha256(raw)).slice(0, 32)
    && await crypto.subtle.verify("Ed25519", key, fromHex(document.sig), message);
  if (!sound) throw new Error(`expected a ${type} that the station signed`);
  return document.body;
}
