// Keeps the page's own parts, each by its hash, so that it opens without a network. All of
// a new release is here before any of it is shown; what the interface says is never kept.
const SHELL = "/tablet/shell.json";
const NAME = "tablet-";
const FONTS = "/tablet/fonts/vendor/"; // cut for the words of a release: compared with each new one
const LETTERS = "letters";

self.addEventListener("install", (event) => event.waitUntil(renew().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  if (event.data === "renew") {
    event.waitUntil(renew().then((fresh) => event.source?.postMessage({ renewed: fresh })));
  }
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const mine = url.origin === location.origin && url.pathname.startsWith("/tablet/");
  if (event.request.method !== "GET" || !mine || url.pathname.startsWith("/tablet/api/")) {
    return;
  }
  if (url.pathname.startsWith(FONTS)) {
    event.respondWith(letters(event.request));
    return;
  }
  const path = event.request.mode === "navigate" && url.pathname !== "/tablet/invite.html"
    ? "/tablet/index.html" : url.pathname;
  event.respondWith(kept(path).then((found) => found ?? fetch(event.request)));
});

async function kept(path) {
  const names = (await caches.keys()).filter((name) => name.startsWith(NAME));
  for (const name of names) {
    const cache = await caches.open(name);
    if (await cache.match(SHELL)) {
      return cache.match(path);
    }
  }
  return undefined;
}

async function letters(request) {
  const cache = await caches.open(LETTERS);
  const found = await cache.match(request.url);
  if (found) {
    return found;
  }
  const answer = await fetch(request);
  if (answer.ok) {
    await cache.put(request.url, answer.clone());
  }
  return answer;
}

async function renew() {
  const answer = await fetch(SHELL, { cache: "no-store" });
  const text = await answer.clone().text();
  const name = NAME + (await hash(new TextEncoder().encode(text))).slice(0, 16);
  const cache = await caches.open(name);
  if (await cache.match(SHELL)) {
    return false;
  }
  const told = JSON.parse(text);
  const parts = Object.entries(told.parts);
  await Promise.all(parts.map(([path, sha256]) => bring(cache, path, sha256)));
  const old = (await caches.keys()).filter((other) => other.startsWith(NAME) && other !== name);
  await renewLetters(told.letters);
  await cache.put(SHELL, answer); // the mark that all is here
  await Promise.all(old.map((other) => caches.delete(other)));
  return true;
}

/** Letters that were shown once and are cut otherwise now are fetched anew: new words need new ones. */
async function renewLetters(told) {
  const cache = await caches.open(LETTERS);
  await Promise.all((await cache.keys()).map(async (request) => {
    const path = new URL(request.url).pathname;
    const kept = await (await cache.match(request)).arrayBuffer();
    if (!(path in told)) {
      await cache.delete(request);
    } else if ((await hash(kept)) !== told[path]) {
      await bring(cache, path, told[path]);
    }
  }));
}

async function bring(cache, path, sha256) {
  const answer = await fetch(path, { cache: "no-store" });
  const data = await answer.clone().arrayBuffer();
  if (!answer.ok || (await hash(data)) !== sha256) {
    throw new Error(`${path}: expected the bytes of hash ${sha256}`);
  }
  await cache.put(path, answer);
}

async function hash(data) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
