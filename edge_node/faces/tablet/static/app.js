// Joins the parts: who this tablet is, which screen is shown, when the station is asked.

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Apply, Visit } from "./forms.js";
import { sync } from "./outbox.js";
import { html } from "./parts.js";
import { Money, Pay, Receipt } from "./paying.js";
import { Farmer, MyDay, Outbox, Tablet } from "./screens.js";
import { makeKeys, sha256, fromHex } from "./signing.js";
import { toCentre } from "./cargo.js";
import { Correct } from "./correcting.js";
import { enrol } from "./station.js";
import { keepMe, leaseIsOver, meta, setMeta, wipeReadable } from "./vault.js";
import { Walk } from "./walking.js";
import { speak, t, wished } from "./words.js";

const SYNC_EVERY_MS = 30_000;

function useHash() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const turn = () => setHash(location.hash);
    addEventListener("hashchange", turn);
    return () => removeEventListener("hashchange", turn);
  }, []);
  const [path, query] = hash.replace(/^#/, "").split("?");
  const [, screen = "", id = ""] = path.split("/");
  return { screen, id: decodeURIComponent(id), query: new URLSearchParams(query) };
}

/** Enrolment: the code from the QR or typed in; the key is made here and never leaves. */
function Enrol({ done }) {
  const given = new URLSearchParams(location.hash.replace(/^#/, ""));
  const [code, setCode] = useState(given.get("enrol") ?? "");
  const [fault, setFault] = useState("");
  const [busy, setBusy] = useState(false);
  const come = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const keys = await makeKeys();
      const told = await enrol(code, keys.publicKey);
      const keyId = (await sha256(fromHex(told.station_key))).slice(0, 32);
      if (given.get("key") && given.get("key") !== keyId) throw new Error(t("This is not the station of the code."));
      await setMeta("keys", keys);
      await keepMe(told, told);
      history.replaceState(null, "", "/tablet/");
      done(told);
    } catch (error) {
      setFault(error.message);
      setBusy(false);
    }
  };
  return html`<main class="page enrol"><h1>Harvestline</h1><p>${t("This tablet is nobody's yet. Scan the station's code with the camera, or type it.")}</p>
    <form onSubmit=${come}><label class="field">${t("One-time code")}<input id="code" autocomplete="off" autocapitalize="characters" value=${code}
      onInput=${(event) => setCode(event.target.value)} /></label>
      ${fault && html`<p class="told" role="alert">${fault}</p>`}
      <button class="button" id="enrol" disabled=${busy || !code}>${t("Make it mine")}</button></form></main>`;
}

const words = (found) => {
  if (!found) return "";
  if (!found.reached) return t("The station cannot be reached. Everything stays on this tablet.");
  if (found.refused) return t("The station said no: {words}", { words: found.refused });
  if (found.stopped) return t("The station said no: {words}", { words: found.stopped.detail });
  return t("In contact with the station.");
};

function App({ first }) {
  const [me, setMe] = useState(first);
  const [tick, setTick] = useState(0);
  const [found, setFound] = useState(null);
  const [busy, setBusy] = useState(false);
  const { screen, id, query } = useHash();
  const turn = () => setTick((n) => n + 1);
  const go = async () => {
    setBusy(true);
    const told = await sync();
    await toCentre(); // also where the station is far: that is what it is for
    if (await leaseIsOver()) await wipeReadable();
    setFound(told);
    setBusy(false);
    setMe((await meta("me")) ?? null);
    turn();
  };
  useEffect(() => {
    if (!me) return undefined;
    go();
    const timer = setInterval(go, SYNC_EVERY_MS);
    return () => clearInterval(timer);
  }, [me?.tablet_id]);
  useEffect(() => {
    scrollTo(0, 0);
  }, [screen, id]);
  if (!me) return html`<${Enrol} done=${setMe} />`;
  const done = (hash) => {
    location.hash = hash;
    turn();
    go();
  };
  const shown = { "": MyDay, farmer: Farmer, visit: Visit, apply: Apply, walk: Walk, correct: Correct, outbox: Outbox, tablet: Tablet,
    pay: Pay, receipt: Receipt, money: Money }[screen] ?? MyDay;
  return html`<${shown} key=${`${screen}/${id}`} id=${id} query=${query} me=${me} tick=${tick} turn=${turn} done=${done}
      busy=${busy} sync=${go} now=${words(found)} />
    <nav class="bar" aria-label=${t("Main")}>${[["", t("My day")], ["outbox", t("Outbox")], ["tablet", t("Tablet")]].map(([name, label]) => html`
      <a key=${name} href=${`#/${name}`} aria-current=${screen === name ? "page" : undefined}>${label}</a>`)}</nav>`;
}

async function begin() {
  const me = await meta("me");
  await speak((await meta("language")) ?? wished());
  // The lease is over: what can be read of people goes; what has to be handed in stays.
  if (await leaseIsOver()) await wipeReadable();
  const root = document.getElementById("app");
  root.replaceChildren();
  render(html`<${App} first=${me ?? null} />`, root);
  await navigator.serviceWorker?.register("/tablet/sw.js", { scope: "/tablet/" });
  navigator.serviceWorker?.ready.then((ready) => ready.active?.postMessage("renew"));
}

begin();
