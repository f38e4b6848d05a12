// The way to the station: every request is timed, a session is opened by signing the
// station's challenge, and an answer that does not come is no answer. navigator.onLine is
// never asked: it says true with the station switched off.

import { signDocument } from "./signing.js";
import { keepMe, meta } from "./vault.js";

const WAIT_MS = 20_000;
const API = "/tablet/api";
let token = "";

export class NotReachedError extends Error {}

export class RefusedError extends Error {
  constructor(problem, status) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.code = problem.code ?? "";
    this.status = status;
  }
}

/** One request; throws NotReachedError or RefusedError. */
export async function ask(method, path, body, { session = true } = {}) {
  const first = await once(method, path, body, session);
  if (first.status !== 401 || !session) return read(first);
  await openSession();
  return read(await once(method, path, body, session));
}

/** Bytes that the station gives, never more than a bound. */
export async function askBytes(path, bytesMax) {
  let answer = await once("GET", path, undefined, true);
  if (answer.status === 401) {
    await openSession();
    answer = await once("GET", path, undefined, true);
  }
  if (!answer.ok) return read(answer);
  try {
    const data = await answer.arrayBuffer();
    if (data.byteLength > bytesMax) throw new RangeError("more than asked for");
    return data;
  } catch (error) {
    throw new NotReachedError(`the answer broke off: ${error}`, { cause: error });
  }
}

async function once(method, path, body, session) {
  const headers = {};
  if (session) {
    if (!token) await openSession();
    headers.authorization = `Bearer ${token}`;
  }
  const raw = body instanceof Blob || body === undefined;
  if (!raw) headers["content-type"] = "application/json";
  try {
    return await fetch(API + path, {
      method, headers, body: raw ? body : JSON.stringify(body), cache: "no-store",
      signal: AbortSignal.timeout(WAIT_MS),
    });
  } catch (error) {
    throw new NotReachedError(String(error), { cause: error });
  }
}

async function read(answer) {
  if (answer.status === 204) return null;
  let body = null;
  try {
    body = await answer.json();
  } catch (error) {
    throw new NotReachedError(`the answer broke off: ${error}`, { cause: error });
  }
  if (!answer.ok) throw new RefusedError(body, answer.status);
  return body;
}

/** Sign the station's challenge; what it tells of the lease is kept. */
export async function openSession() {
  const [keys, me] = await Promise.all([meta("keys"), meta("me")]);
  token = "";
  const { challenge } = await ask("POST", "/challenge", {}, { session: false });
  const hello = await signDocument("tablet-hello", { challenge, tablet_id: me.tablet_id }, keys);
  const told = await ask("POST", "/session", hello, { session: false });
  token = told.token;
  await keepMe(me, told);
  return told;
}

export const enrol = (code, publicKey) =>
  ask("POST", "/enrol", { code, public_key: publicKey }, { session: false });
