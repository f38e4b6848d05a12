// The walk around a plot: begin, pause, go on, finish; what counts and how sure it is.

import { useEffect, useRef, useState } from "preact/hooks";

import { put } from "./outbox.js";
import { area, html, Page, useAnswer, waiting } from "./parts.js";
import { dropDraft, saveDraft, today, vault } from "./vault.js";
import { ACCURACY_M_MAX, corners, fixOf, isStep, measure, metres, overlaps } from "./walk.js";
import { t } from "./words.js";

export function Walk({ id, tick, done }) {
  const known = useAnswer(async () => {
    const db = await vault();
    return { subject: await db.get("subjects", id), others: (await db.getAll("subjects")).filter((one) => one.subject_id !== id),
      draft: await db.get("drafts", `walk/${id}`) };
  }, [id, tick]);
  const begun = useRef(false);
  const [fixes, setFixes] = useState([]);
  const [state, setState] = useState("ready");
  const [heard, setHeard] = useState(null);
  const [pauses, setPauses] = useState(0);
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (known?.subject && !begun.current) {
      begun.current = true;
      if (!known.draft) return;
      setFixes(known.draft.fields.fixes ?? []);
      setPauses(known.draft.fields.pauses ?? 0);
      if (known.draft.fields.fixes?.length) setState("paused");
    }
  }, [known]);
  useEffect(() => {
    if (state !== "walking") return undefined;
    const watch = navigator.geolocation.watchPosition(({ coords }) => {
      setHeard(coords.accuracy);
      const fix = fixOf(coords);
      if (fix) setFixes((before) => (isStep(before.at(-1), fix) ? [...before, fix] : before));
    }, () => setHeard(Infinity), { enableHighAccuracy: true, maximumAge: 0 });
    return () => navigator.geolocation.clearWatch(watch);
  }, [state]);
  useEffect(() => {
    if (!known?.subject || !fixes.length) return;
    saveDraft({ draft_id: `walk/${id}`, kind: "walk", farmer_id: known.subject.farmer_id, fields: { fixes, pauses } });
  }, [fixes, state]);
  if (!known?.subject) return waiting();
  const kept = corners(fixes);
  const ring = kept.map((fix) => [fix.lon_e7, fix.lat_e7]);
  const accuracy = kept.map((fix) => fix.accuracy_cm);
  const found = ring.length >= 3 ? measure(ring, accuracy) : null;
  const over = found ? overlaps(ring, known.others) : [];
  const registered = known.subject.area_m2;
  const finish = async () => {
    setBusy(true);
    const body = { walk_id: crypto.randomUUID(), farmer_id: known.subject.farmer_id, subject_id: id,
      walked_on: await today(), ring_e7: ring, accuracy_cm: accuracy, fixes_count: fixes.length,
      pauses_count: pauses, ...found };
    await put("walk", body, { draftId: `walk/${id}`, label: `${known.subject.name}: ${area(found.area_m2, found.sd_m2)}`, fields: { fixes, pauses } });
    done(`#/farmer/${known.subject.farmer_id}`);
  };
  const gate = heard !== null && !(heard <= ACCURACY_M_MAX);
  return html`<${Page} title=${t("Walk the boundary")} lead=${known.subject.name} back=${`#/farmer/${known.subject.farmer_id}`}>
    <${Drawing} ring=${fixes.map((fix) => [fix.lon_e7, fix.lat_e7])} others=${known.others} />
    <p class="row"><span>${heard === null ? t("Stand at a corner and begin.") : Number.isFinite(heard) ? t("Exact to {metres} m", { metres: Math.round(heard) }) : t("The tablet does not know where it is.")}</span>
      <span class="soft">${t("{count} points", { count: fixes.length })}</span></p>
    ${gate && html`<p class="told" role="status">${t("Too inexact: nothing is taken until it is better than {metres} m. Wait under open sky.", { metres: ACCURACY_M_MAX })}</p>`}
    ${found && html`<div class="card" id="measured" data-area=${found.area_m2} data-low=${found.low_m2}><p class="row"><span>${t("Area")}</span><b class="figure">${area(found.area_m2, found.sd_m2)}</b></p>
      <p class="soft">${t("For the limit it counts as {area}.", { area: area(Math.min(registered || found.low_m2, found.low_m2)) })}
        ${registered ? ` ${t("Registered are {area}.", { area: area(registered) })}` : ""}</p></div>`}
    ${over.map((one) => html`<p class="told" role="alert">${t("{percent} % of it lies over {name}, which is somebody's already.", { percent: one.percent, name: one.plot.name })}</p>`)}
    <div class="acts">
      ${state !== "walking" && html`<button class="button" id="begin" onClick=${() => setState("walking")}>${fixes.length ? t("Go on") : t("Begin")}</button>`}
      ${state === "walking" && html`<button class="button second" id="pause" onClick=${() => { setPauses(pauses + 1); setState("paused"); }}>${t("Pause")}</button>`}
      <button class="button" id="finish" disabled=${!found || state === "walking" || busy} onClick=${finish}>${t("Finish")}</button>
      ${fixes.length > 0 && state !== "walking" && html`<button class="button second" onClick=${() => { setFixes([]); setPauses(0); dropDraft(`walk/${id}`); setState("ready"); }}>${t("Begin anew")}</button>`}
    </div></${Page}>`;
}

function Drawing({ ring, others }) {
  if (ring.length < 2) return html`<div class="drawing empty" aria-hidden="true"></div>`;
  const near = others.filter((one) => one.outline_e7);
  const all = [ring, ...near.map((one) => one.outline_e7)].map((each) => metres([ring[0], ...each]).slice(1));
  const xs = all[0].map(([x]) => x);
  const ys = all[0].map(([, y]) => y);
  const [west, east, south, north] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const size = Math.max(east - west, north - south, 20) * 1.2;
  const left = (east + west - size) / 2;
  const top = (north + south + size) / 2;
  const points = (each) => each.map(([x, y]) => `${(((x - left) / size) * 100).toFixed(1)},${(((top - y) / size) * 100).toFixed(1)}`).join(" ");
  return html`<svg class="drawing" viewBox="0 0 100 100" role="img" aria-label=${t("The walk so far")}>
    ${all.slice(1).map((each) => html`<polygon class="other" points=${points(each)} />`)}
    <polygon class="mine" points=${points(all[0])} /></svg>`;
}
