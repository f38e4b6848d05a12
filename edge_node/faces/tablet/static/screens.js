// My day, a farmer, and the outbox.

import { useEffect, useMemo, useState } from "preact/hooks";

import { travelling } from "./cargo.js";
import { Versions } from "./correcting.js";
import { find, indexOf } from "./find.js";
import { Needed } from "./needs.js";
import { drop, unsafe, wipeAll } from "./outbox.js";
import { area, day, grown, html, money, nameOf, Page, State, useAnswer, waiting } from "./parts.js";
import { lostPoints, score } from "./points.js";
import { meta, setMeta, vault } from "./vault.js";
import { metres } from "./walk.js";
import { language, LANGUAGES, speak, t } from "./words.js";

export const PURPOSES = {
  routine: "Look at the crop", notice: "The station noticed something", loss: "Loss reported",
  repayment: "Repayment falls due", referral: "An application waits for you",
  boundary: "Walk the boundary",
};

/** All that my day is made of, read once for a state of the tablet. */
async function dayOf() {
  const db = await vault();
  const [farmers, subjects, tasks, operations, today] = await Promise.all([
    db.getAll("farmers"), db.getAll("subjects"), db.getAll("tasks"), db.getAll("operations"), meta("today"),
  ]);
  const visited = new Set(operations.filter((row) => row.state !== "needs_you" && row.state !== "dropped")
    .map((row) => row.task_id).filter(Boolean));
  const names = new Map(farmers.map((one) => [one.farmer_id, one.name]));
  const places = new Map(subjects.filter((one) => one.outline_e7).map((one) => [one.farmer_id, one.outline_e7[0]]));
  return { farmers, subjects, names, places, today: today ?? "", index: indexOf(farmers, subjects),
    tasks: tasks.filter((task) => !visited.has(task.task_id)) };
}

function usePlace() {
  const [place, setPlace] = useState(null);
  const ask = () => navigator.geolocation?.getCurrentPosition(
    ({ coords }) => setPlace([Math.round(coords.longitude * 1e7), Math.round(coords.latitude * 1e7)]),
    () => setPlace(null), { maximumAge: 60000, timeout: 10000 });
  return [place, ask];
}

export function MyDay({ tick, me }) {
  const found = useAnswer(dayOf, [tick]);
  const [asked, setAsked] = useState("");
  const [order, setOrder] = useState("due");
  const [place, askPlace] = usePlace();
  const results = useMemo(() => (found && asked ? find(found.index, asked) : []), [found, asked]);
  if (!found) return waiting();
  const tasks = order === "near" && place ? byDistance(found, place) : found.tasks;
  return html`<${Page} title=${t("My day")} lead=${`${me.agent_name} · ${day(found.today)}`}>
    <label class="search"><span class="hidden">${t("Search farmers")}</span>
      <input id="search" type="search" autocomplete="off" placeholder=${t("Search {count} farmers", { count: found.farmers.length })}
        value=${asked} onInput=${(event) => setAsked(event.target.value)} /></label>
    ${asked ? html`<${Results} results=${results} />` : html`
      <div class="chips order" role="group" aria-label=${t("Order")}>
        <button class="chip ${order === "due" ? "on" : ""}" aria-pressed=${order === "due"} onClick=${() => setOrder("due")}>${t("By day")}</button>
        <button class="chip ${order === "near" ? "on" : ""}" aria-pressed=${order === "near"}
          onClick=${() => { setOrder("near"); askPlace(); }}>${t("Nearest first")}</button>
      </div>
      <${Tasks} tasks=${tasks} found=${found} place=${order === "near" ? place : null} />`}
  </${Page}>`;
}

function byDistance(found, place) {
  const far = (task) => distance(found, task, place) ?? Infinity;
  return [...found.tasks].sort((a, b) => far(a) - far(b));
}

function distance(found, task, place) {
  const there = found.places.get(task.farmer_id);
  if (!there || !place) return null;
  const [, [x, y]] = metres([place, there]);
  return Math.hypot(x, y);
}

const Results = ({ results }) => results.length
  ? html`<ul class="cards" id="results">${results.map((one) => html`
      <li key=${one.farmer_id}><a class="card row" href=${`#/farmer/${one.farmer_id}`}>
        <span><b>${one.name}</b><br /><span class="soft small">${one.farmer_id}</span></span>
        <span class="soft small">${one.visited_on ? t("seen {day}", { day: day(one.visited_on) }) : ""}</span></a></li>`)}</ul>`
  : html`<p class="empty" id="results">${t("Nobody in your area is called so.")}</p>`;

function Tasks({ tasks, found, place }) {
  if (!tasks.length) {
    return html`<p class="empty">${found.farmers.length ? t("Nothing is due. Search for a farmer to visit.") : t("Nothing is here yet: bring the tablet to the station once.")}</p>`;
  }
  const shown = tasks.slice(0, 60);
  return html`<ul class="cards" id="tasks">${shown.map((task) => {
    const far = distance(found, task, place);
    const late = task.due_on && task.due_on < found.today;
    return html`<li key=${task.task_id}><a class="card row" href=${`#/farmer/${task.farmer_id}?task=${encodeURIComponent(task.task_id)}`}>
      <span><b>${found.names.get(task.farmer_id) ?? task.farmer_id}</b><br />${t(PURPOSES[task.purpose])}</span>
      <span class="right small ${late ? "late" : "soft"}">${late ? t("since {day}", { day: day(task.due_on) }) : day(task.due_on)}
        ${far !== null && html`<br />${far < 1000 ? `${Math.round(far)} m` : `${(far / 1000).toFixed(1)} km`}`}</span></a></li>`;
  })}</ul>${tasks.length > shown.length && html`<p class="soft">${t("{count} more", { count: tasks.length - shown.length })}</p>`}`;
}

/** What the tablet knows of a farmer. */
export async function knownOf(farmerId) {
  const db = await vault();
  const [farmer, subjects, lines, products, model, operations] = await Promise.all([
    db.get("farmers", farmerId), db.getAllFromIndex("subjects", "farmer", farmerId),
    db.getAllFromIndex("lines", "farmer", farmerId), db.getAll("products"), meta("model"),
    db.getAll("operations"),
  ]);
  const inputs = (await db.getAll("inputs", IDBKeyRange.bound([farmerId, ""], [farmerId, "\uffff"])));
  const mine = operations.filter((row) => row.document.body.body.farmer_id === farmerId
    || row.document.body.body.application?.farmer_id === farmerId);
  return { farmer, subjects, lines, products, model, inputs, operations: mine };
}

/** The score of a farmer under a product, as the station would reckon it; null if it cannot be known here. */
export function scoreOf(known, productId, subjectIds, purposes) {
  const one = known.inputs.find((each) => each.product_id === productId);
  if (!one || !known.model || one.model_sha256 !== known.model.sha256) return null;
  const same = [...subjectIds].sort().join() === [...one.subject_ids].sort().join();
  if (!same || one.withheld.some((purpose) => purposes.includes(purpose))) return null;
  return { points: score(known.model.table, one.inputs), lost: lostPoints(known.model.table, one.inputs) };
}

export function Farmer({ id, query, tick }) {
  const known = useAnswer(() => knownOf(id), [id, tick]);
  if (!known) return waiting();
  if (!known.farmer) return html`<${Page} title=${t("Not here")} back="#/"><p>${t("This farmer is not on this tablet.")}</p></${Page}>`;
  const currency = (line) => known.products.find((p) => p.product_id === line.product_id)?.currency ?? "";
  const task = query.get("task") ? `&task=${encodeURIComponent(query.get("task"))}` : "";
  return html`<${Page} title=${known.farmer.name} lead=${known.farmer.farmer_id} back="#/">
    <div class="acts">
      <a class="button" href=${`#/visit/${id}?${task}`}>${t("Visit")}</a>
      <a class="button second" href=${`#/apply/${id}?`}>${t("Application")}</a>
      <a class="button second" id="correct" href=${`#/correct/${id}`}>${t("Correct what is registered")}</a>
      ${known.lines.length > 0 && html`<a class="button second" id="pay" href=${`#/pay/${id}`}>${t("Pay out")}</a>`}
    </div>
    <${Versions} farmerId=${id} tick=${tick} />
    <h2>${t("Ground and animals")}</h2>
    <ul class="cards">${known.subjects.map((one) => html`<li key=${one.subject_id} class="card row">
      <span><b>${one.name}</b><br /><span class="soft">${grown(one.crop || one.kind)}${one.sown_on ? ` · ${t("sown {day}", { day: day(one.sown_on) })}` : ""}</span></span>
      <span class="right">${one.area_m2 ? area(one.walked?.area_m2 ?? one.area_m2, one.walked?.sd_m2) : one.heads ? t("{count} heads", { count: one.heads }) : ""}
        ${one.walked && one.walked.low_m2 < one.area_m2 && html`<br /><span class="soft small">${t("counts as {area}", { area: area(one.walked.low_m2) })}</span>`}
        ${one.area_m2 ? html`<br /><a href=${`#/walk/${one.subject_id}`}>${t("Walk the boundary")}</a>` : ""}</span></li>`)}</ul>
    <h2>${t("Lines")}</h2>
    ${known.lines.length ? html`<ul class="cards">${known.lines.map((line) => html`<li key=${line.line_id} class="card row">
      <span><b>${money(line.limit_minor, currency(line))}</b><br /><span class="soft">${t("limit")}${line.frozen ? ` · ${t("waiting")}` : ""}</span></span>
      <span class="right soft">${line.due_on ? t("due {day}", { day: day(line.due_on) }) : ""}</span></li>`)}</ul>`
      : html`<p class="empty">${t("No open line.")}</p>`}
    ${known.inputs.length > 0 && html`<h2>${t("Score")}</h2>`}
    ${known.inputs.map((one) => html`<${Score} key=${one.product_id} known=${known} one=${one} />`)}
    ${known.operations.length > 0 && html`<h2>${t("Sent from this tablet")}</h2><${Rows} rows=${known.operations} />`}
  </${Page}>`;
}

function Score({ known, one }) {
  const product = known.products.find((each) => each.product_id === one.product_id);
  const found = scoreOf(known, one.product_id, one.subject_ids, []);
  if (!found) return html`<p class="soft">${t("Only the station can score this now.")}</p>`;
  return html`<div class="card"><p class="row"><span>${product ? nameOf(product) : one.product_id}</span><b class="figure" data-score=${found.points}>${found.points}</b></p>
    ${found.lost.length > 0 && html`<ul class="plain soft">${found.lost.map((each) => html`<li>${known.model.said?.[language()]?.[each.feature] ?? known.model.words[each.feature]}</li>`)}</ul>`}</div>`;
}

// What was paid out is never written again: a person looks at it.
const MONEY = ["draw", "sublease_end"];

const Rows = ({ rows, again }) => html`<ul class="cards">${[...rows].reverse().map((row) => html`
  <li key=${row.seq} class="card"><div class="row"><span><b>${row.label || row.kind}</b><br /><span class="soft small">${t("No. {seq}", { seq: row.seq })}</span></span>
    <${State} state=${row.state} /></div>
    ${row.state === "needs_you" && html`<${Needed} words=${row.words} />
      ${again && !MONEY.includes(row.kind) && html`<button class="button second" onClick=${() => again(row)}>${t("Write it again")}</button>`}`}</li>`)}</ul>`;

const screenOf = (kind, farmerId, subjectId) => ({ application: `#/apply/${farmerId}?`, walk: `#/walk/${subjectId}`,
  draw: `#/pay/${farmerId}`, correct: `#/correct/${farmerId}` })[kind] ?? `#/visit/${farmerId}?`;
const FORMS = { correction: "correct" }; // where a form's name is not that of what it sends

/** What is to be told of an operation that needs the agent: its form again, with its words.
 * False, and nothing done, where that form holds a draft already: what was typed is not lost. */
async function writeAgain(row) {
  const db = await vault();
  const body = row.document.body.body;
  const farmerId = body.farmer_id ?? body.application.farmer_id;
  const form = FORMS[row.kind] ?? row.kind;
  const draftId = `${form}/${row.kind === "walk" ? body.subject_id : farmerId}`;
  if (await db.get("drafts", draftId)) return false;
  await db.put("drafts", { draft_id: draftId, kind: form, farmer_id: farmerId, fields: row.fields ?? {} });
  await drop(row.seq);
  location.hash = screenOf(form, farmerId, body.subject_id);
  return true;
}

export function Outbox({ tick, now, busy, sync }) {
  const found = useAnswer(async () => {
    const db = await vault();
    const farmers = new Map((await db.getAll("farmers")).map((one) => [one.farmer_id, one.name]));
    return { rows: await db.getAll("operations"), photos: await db.getAll("photos"), drafts: await db.getAll("drafts"), farmers };
  }, [tick]);
  const [told, setTold] = useState("");
  if (!found) return waiting();
  const again = async (row) => {
    if (!await writeAgain(row)) setTold(t("This form is begun already: finish it or throw it away first."));
  };
  const photos = found.photos.filter((one) => one.seq > 0);
  const whole = photos.filter((one) => one.whole).length;
  const shown = found.rows.slice(-80);
  return html`<${Page} title=${t("Sent and waiting")} lead=${now}>
    <button class="button" id="sync" disabled=${busy} onClick=${sync}>${busy ? t("Speaking with the station…") : t("Send now")}</button>
    ${photos.length > 0 && html`<p><b>${whole}</b> ${t("of {count} photos are at the station", { count: photos.length })}</p>`}
    ${found.drafts.length > 0 && html`<h2>${t("Drafts")}</h2><ul class="cards">${found.drafts.map((draft) => html`
      <li key=${draft.draft_id}><a class="card row" href=${screenOf(draft.kind, draft.farmer_id, draft.draft_id.split("/")[1])}>
        <b>${found.farmers.get(draft.farmer_id) ?? draft.farmer_id}</b><span class="soft">${t("not finished")}</span></a></li>`)}</ul>`}
    ${told && html`<p class="told" role="alert">${told}</p>`}
    ${shown.length ? html`<${Rows} rows=${shown} again=${again} />` : html`<p class="empty">${t("Nothing was sent from this tablet yet.")}</p>`}
  </${Page}>`;
}

/** The theme that is shown, by choice or by the system's wish; theme.js sets it. */
const light = () => document.documentElement.dataset.theme
  ?? (matchMedia("(prefers-contrast: more)").matches ? "sun" : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

function cargoWords(cargo) {
  if (!cargo) return "…";
  const size = (bytes) => ({ size: Math.max(1, Math.round(bytes / 1000)) });
  const lines = [];
  if (cargo.up) lines.push(cargo.sent ? t("From the station: {size} kB, handed to the centre", size(cargo.up)) : t("From the station: {size} kB, not yet at the centre", size(cargo.up)));
  if (cargo.down) lines.push(t("From the centre: {size} kB, for the station", size(cargo.down)));
  return lines.join(" · ") || t("Nothing to carry now.");
}

export function Tablet({ me, tick, turn }) {
  const left = useAnswer(unsafe, [tick]);
  const cargo = useAnswer(travelling, [tick]);
  const [told, setTold] = useState("");
  const [name, setName] = useState(language());
  const choose = async (event) => {
    setName(event.target.value);
    await setMeta("language", event.target.value);
    await speak(event.target.value);
    turn();
  };
  const wipe = async () => {
    const refused = await wipeAll();
    if (refused?.held) setTold(t("Not wiped: give back the money in hand first."));
    else if (refused) setTold(t("Not wiped: something is on this tablet alone. Bring it to the station first."));
    else location.reload();
  };
  useEffect(() => setName(language()), [tick]);
  return html`<${Page} title=${t("This tablet")} lead=${`${me.tablet_id} · ${me.station}`}>
    <dl class="facts"><dt>${t("Agent")}</dt><dd>${me.agent_name}</dd>
      <dt>${t("May be out of contact until")}</dt><dd>${day(new Date(me.lease_until_ms).toISOString().slice(0, 10))}</dd>
      <dt>${t("On this tablet alone")}</dt><dd>${left ? t("{operations} operations, {photos} photos, {drafts} drafts", left) : "…"}</dd></dl>
    <p><a class="button second" id="money" href="#/money">${t("Money in hand")}${left?.held ? ` (${left.held})` : ""}</a></p>
    <label class="field">${t("Language")}<select id="language" value=${name} onChange=${choose}>${Object.entries(LANGUAGES).map(([key, words]) => html`
      <option value=${key} selected=${key === name}>${words}</option>`)}</select></label>
    <div class="field" role="group" aria-label=${t("Light of the screen")}>${t("Light of the screen")}<div class="chips">${[["light", t("Indoors")], ["sun", t("In the sun")], ["dark", t("At night")]].map(([key, words]) => html`
      <button key=${key} type="button" class="chip" data-theme-choice=${key} aria-pressed=${key === light()}>${words}</button>`)}</div></div>
    <h2>${t("Sealed letters")}</h2>
    <p class="soft">${t("What the station and the centre write to each other travels with this tablet, sealed: nobody here can read it.")}</p>
    <p id="cargo">${cargoWords(cargo)}</p>
    <h2>${t("Wipe")}</h2>
    <p>${t("Forgets everything on this tablet, its keys too. It is only possible once the station has acknowledged all of it.")}</p>
    <button class="button danger" id="wipe" onClick=${wipe}>${t("Wipe this tablet")}</button>
    ${told && html`<p class="told" role="alert">${told}</p>`}
  </${Page}>`;
}
